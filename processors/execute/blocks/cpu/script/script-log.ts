/** What a script writes to its console, bounded. */
import type { BlockLogLine } from '../../../block.ts'

export const MAX_LINES = 200
export const MAX_LINE_CHARS = 1_000

export type ConsoleLevel = BlockLogLine['level']

/** Gives the script a console. Runs before it, inside the sandbox; `emit(level, text)` is ours. */
export const CONSOLE_SOURCE = `((emit) => {
  const { stringify } = JSON
  const { isError = (value) => value instanceof Error } = Error
  const text = String
  const slice = Function.prototype.call.bind(String.prototype.slice)
  const show = (value) => {
    try {
      if (typeof value === 'string') return value
      return (isError(value) ? undefined : stringify(value)) ?? text(value)
    } catch {
      return '?'
    }
  }
  const at = (level) => (...values) => {
    let line = ''
    for (let i = 0; i < values.length; i++) line += (i === 0 ? '' : ' ') + show(values[i])
    emit(level, slice(line, 0, ${MAX_LINE_CHARS + 1}))
  }
  const [debug, info, warn, error] = [at('debug'), at('info'), at('warn'), at('error')]
  globalThis.console = { debug, trace: debug, log: info, info, warn, error }
})`

export class ScriptLog {
  readonly lines: BlockLogLine[] = []
  #dropped = 0

  write(level: ConsoleLevel, text: string): void {
    if (this.lines.length >= MAX_LINES) this.#dropped++
    else {
      const message = text.length > MAX_LINE_CHARS ? `${text.slice(0, MAX_LINE_CHARS)}…` : text
      this.lines.push({ level, message })
    }
  }

  end(): readonly BlockLogLine[] {
    if (this.#dropped === 0) return this.lines
    return [...this.lines, { level: 'warn', message: `${this.#dropped} more lines were left out` }]
  }
}
