/** A run as it is drawn while it is watched: its graph as a tree, a line per step, with what each step does now. */
import type { CompiledFlow } from '../../schemas/flow/model.ts'
import { RUN_ENDS } from './follow-run.ts'
import { clean, counted, cut, type Look, lengthText, type Paint, paint, paintOf } from './look.ts'
import type { RunEvent } from './run-events.ts'

export interface StepState {
  status: string
  attempt: number
  sinceMs: number
  note: string
}

export interface RunState {
  readonly runId: string
  title: string
  status: string
  fromMs: number | null
  toMs: number | null
  note: string
  readonly steps: Map<string, StepState>
}

/** A place in the tree: what stands before the step's mark, and the dependencies that the tree does not show. */
export interface Place {
  readonly id: string
  readonly branch: string
  readonly also: readonly string[]
}

export function newRunState(runId: string, title: string): RunState {
  return { runId, title, status: 'accepted', fromMs: null, toMs: null, note: '', steps: new Map() }
}

const STEP_STATUS: { readonly [kind: string]: string } = {
  StepQueued: 'queued',
  StepStarted: 'running',
  StepRetrying: 'retrying',
  StepWaiting: 'waiting',
  StepCompleted: 'completed',
  StepFailed: 'failed',
  StepSkipped: 'skipped',
  StepCancelled: 'cancelled',
}

export function apply(state: RunState, event: RunEvent): void {
  const { error, reason } = event as RunEvent & { readonly reason?: unknown }
  const info = error as { readonly code?: string; readonly message?: string } | null | undefined
  const note = info?.code === undefined ? (typeof reason === 'string' ? reason : '') : `${info.code}: ${info.message}`
  const status = STEP_STATUS[event.kind]
  if (status !== undefined && typeof event.step_id === 'string') {
    const before = state.steps.get(event.step_id)
    const attempt = Math.max(event.attempt ?? 0, before?.attempt ?? 0)
    const took = status === 'completed' && before !== undefined ? lengthText(event.at_ms - before.sinceMs) : note
    state.steps.set(event.step_id, { status, attempt, sinceMs: event.at_ms, note: took })
    if (state.status === 'accepted') state.status = 'running'
  }
  if (event.kind === 'RunAccepted') state.fromMs = event.at_ms
  const end = RUN_ENDS[event.kind]
  if (end === undefined) return
  state.status = end
  state.toMs = event.at_ms
  state.note = note
}

/** Each step below the one of its dependencies that lies deepest; the order is that of a walk from the first steps on. */
export function placesOf(flow: CompiledFlow): readonly Place[] {
  const depths = new Map<number, number>()
  const depthOf = (index: number): number => {
    const known = depths.get(index)
    if (known !== undefined) return known
    const before = flow.steps[index]!.dependencies.map(({ step }) => depthOf(step))
    const depth = before.length === 0 ? 0 : 1 + Math.max(...before)
    depths.set(index, depth)
    return depth
  }
  const children = new Map<number | null, number[]>()
  for (const { index, dependencies } of flow.steps) {
    const deepest = dependencies.reduce<number | null>(
      (best, { step }) => (best === null || depthOf(step) > depthOf(best) ? step : best),
      null,
    )
    children.set(deepest, [...(children.get(deepest) ?? []), index])
  }
  const places: Place[] = []
  const walk = (index: number, parent: number | null, indent: string, isLast: boolean): void => {
    const { id, dependencies } = flow.steps[index]!
    const also = dependencies.filter(({ step }) => step !== parent).map(({ step }) => flow.steps[step]!.id)
    places.push({ id, branch: parent === null ? '' : `${indent}${isLast ? '└─' : '├─'}`, also })
    const below = children.get(index) ?? []
    const inner = parent === null ? '' : `${indent}${isLast ? '  ' : '│ '}`
    for (const [at, child] of below.entries()) walk(child, index, inner, at === below.length - 1)
  }
  for (const root of children.get(null) ?? []) walk(root, null, '', true)
  return places
}

const MARKS: { readonly [status: string]: string } = {
  completed: '✓',
  failed: '✗',
  running: '●',
  retrying: '↻',
  waiting: '◷',
  queued: '○',
  skipped: '–',
  cancelled: '–',
}

interface Line {
  readonly text: string
  /** While lines must be left out, those with less go first. */
  readonly weight: number
}

/** As many lines as fit in `rows`; none is wider than the terminal. */
export function picture(look: Look, state: RunState, places: readonly Place[], nowMs: number, rows: number): string[] {
  const known = new Set(places.map(({ id }) => id))
  const others = [...state.steps.keys()].filter((id) => !known.has(id)).map((id) => ({ id, branch: '', also: [] }))
  const all = [...places, ...others]
  const width = Math.max(0, ...all.map(({ id, branch }) => branch.length + id.length))
  const lines = all.map((place) => stepLine(look, state, place, width, nowMs))
  return [headLine(look, state, nowMs), ...fitting(lines, Math.max(1, rows - 2))]
}

function headLine(look: Look, { runId, title, status, fromMs, toMs, note }: RunState, nowMs: number): string {
  const time = fromMs === null ? '' : `  ${lengthText(Math.max(0, (toMs ?? nowMs) - fromMs))}`
  return joined(look, [
    [`${title}  `, 'bold'],
    [`${runId}  `, 'dim'],
    [status, paintOf(status)],
    [`${time}${note === '' ? '' : `  ${clean(note)}`}`, null],
  ])
}

function stepLine(look: Look, state: RunState, { id, branch, also }: Place, width: number, nowMs: number): Line {
  const step = state.steps.get(id)
  const status = step?.status ?? 'pending'
  const how = step === undefined ? 'dim' : paintOf(status)
  const attempt = step !== undefined && step.attempt > 1 ? `  attempt ${step.attempt}` : ''
  const isActive = ['running', 'retrying', 'waiting', 'queued'].includes(status)
  const time = step !== undefined && isActive ? `  ${lengthText(Math.max(0, nowMs - step.sinceMs))}` : ''
  const note = step === undefined || step.note === '' ? '' : `  ${clean(step.note)}`
  const after = also.length === 0 ? '' : `  (also after ${also.join(', ')})`
  const text = joined(look, [
    [branch, 'dim'],
    [`${MARKS[status] ?? '·'} `, how],
    [`${clean(id).padEnd(width - branch.length)}  `, null],
    [status.padEnd(9), how],
    [`${attempt}${time}${note}`, null],
    [after, 'dim'],
  ])
  return { text, weight: status === 'failed' ? 3 : isActive ? 2 : step === undefined ? 0 : 1 }
}

/** Painted parts in a row, cut at the terminal's width. */
function joined(look: Look, parts: readonly (readonly [text: string, how: Paint | null])[]): string {
  let left = look.width()
  let line = ''
  for (const [text, how] of parts) {
    if (left <= 0) break
    const shown = cut(text, left)
    line += paint(look, how, shown)
    left -= shown.length
  }
  return line
}

function fitting(lines: readonly Line[], rows: number): string[] {
  if (lines.length <= rows) return lines.map(({ text }) => text)
  const chosen = new Set(lines.toSorted((a, b) => b.weight - a.weight).slice(0, rows - 1))
  const shown = lines.filter((line) => chosen.has(line)).map(({ text }) => text)
  return [...shown, `… and ${counted(lines.length - shown.length, 'more step')}`]
}
