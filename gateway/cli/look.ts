/** How text is shown: colours and width as the terminal has them, plain where there is none. */
import type { Output } from './dependencies.ts'

export interface Look {
  readonly colour: boolean
  /** A person looks at it: a terminal that can move its cursor. */
  readonly live: boolean
  /** Columns now; no bound where the output is no terminal. */
  width(): number
}

type Variables = { readonly [name: string]: string | undefined }

/** `NO_COLOR` takes colours away, `FORCE_COLOR` gives them to pipes too, `TERM=dumb` is a terminal that only prints. */
export function lookOf(stdout: Output, variables: Variables): Look {
  const terminal = stdout.isTTY === true
  const able = terminal && variables.TERM !== 'dumb'
  const forced = isSet(variables.FORCE_COLOR) && variables.FORCE_COLOR !== '0'
  return {
    colour: !isSet(variables.NO_COLOR) && (able || forced),
    live: able,
    width: () => (terminal ? stdout.columns || DEFAULT_COLUMNS : Number.POSITIVE_INFINITY),
  }
}

/** Of a terminal that does not say, or says 0. */
const DEFAULT_COLUMNS = 80

const isSet = (value: string | undefined): value is string => value !== undefined && value !== ''

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const
export type Paint = keyof typeof CODES

export function paint({ colour }: Pick<Look, 'colour'>, how: Paint | null, text: string): string {
  return colour && how !== null && text !== '' ? `\x1b[${CODES[how]}m${text}\x1b[0m` : text
}

const PAINTS: { readonly [status: string]: Paint } = {
  completed: 'green',
  ready: 'green',
  idle: 'green',
  busy: 'cyan',
  lost: 'red',
  replayed: 'green',
  failed: 'red',
  timed_out: 'red',
  open: 'red',
  running: 'cyan',
  retrying: 'yellow',
  waiting: 'yellow',
  cancelled: 'dim',
  skipped: 'dim',
  discarded: 'dim',
  queued: 'blue',
  accepted: 'blue',
}

/** Of the status of a run, a step, a letter or a worker. */
export function paintOf(status: string): Paint | null {
  return PAINTS[status] ?? null
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** Text of others in one line, which cannot command the terminal. */
export function clean(text: string): string {
  return text.replace(CONTROL, (found) => {
    if (found === '\n') return '\\n'
    return `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** A text of several lines that cannot command the terminal. */
export function cleanLines(text: string): string {
  return text.split('\n').map(clean).join('\n')
}

/** `1 letter`, `2 letters`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

/** At most so many columns. */
export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`
}

/** A cell, with how to paint it if that is not plain. */
export type Cell = string | number | null | readonly [text: string, paint: Paint | null]

/** Columns side by side, each as wide as it must be; lines end where the terminal does. `title`: names of the columns, shown in bold. */
export function table(look: Look, rows: readonly (readonly Cell[])[], title?: readonly string[]): string {
  const cells = rows.map((row) => row.map(cellOf))
  const lines = title === undefined ? cells : [title.map((text) => ({ text, how: 'bold' as const })), ...cells]
  const widths: number[] = []
  for (const line of lines) {
    for (const [at, { text }] of line.entries()) widths[at] = Math.max(widths[at] ?? 0, text.length)
  }
  return lines.map((line) => lineOf(look, line, widths)).join('\n')
}

interface PlainCell {
  readonly text: string
  readonly how: Paint | null
}

function cellOf(cell: Cell): PlainCell {
  if (cell === null) return { text: '-', how: 'dim' }
  if (typeof cell === 'number') return { text: String(cell), how: null }
  if (typeof cell === 'string') return { text: clean(cell), how: null }
  return { text: clean(cell[0]), how: cell[1] }
}

function lineOf(look: Look, line: readonly PlainCell[], widths: readonly number[]): string {
  let left = look.width()
  const parts: string[] = []
  for (const [at, { text, how }] of line.entries()) {
    if (left <= 0) break
    const shown = cut(text, left)
    const isLast = at === line.length - 1
    const padding = isLast ? 0 : Math.min(Math.max(0, widths[at]! + 2 - shown.length), Math.max(0, left - shown.length))
    parts.push(paint(look, how, shown) + ' '.repeat(padding))
    left -= shown.length + padding
  }
  return parts.join('').trimEnd()
}

/** `1.2 s`, `3m 20s`, `2h 5m`, `30d 1h`. */
export function lengthText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`
  const hours = Math.floor(seconds / 3_600)
  if (hours < 48) return `${hours}h ${Math.floor((seconds % 3_600) / 60)}m`
  return `${Math.floor(hours / 24)}d ${hours % 24}h`
}

export const timeText = (ms: number): string => new Date(ms).toISOString()
