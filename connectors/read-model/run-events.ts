/**
 * The events of a run as they are kept, without payloads: one text for each batch, with one of the rows that the batch writes anyway, so that they cost no rows
 * of their own.
 *
 * Layout: lines. `@offset,time` begins a batch. The others are `code offset,time,attempt,step,detail` (no space after the code): offset and time less
 * those of the batch, attempt and step where the event has them, and the detail as JSON, left out with its comma where there is none.
 */
import type { EpochMs, StepId } from '../../schemas/ids.ts'
import type { EventRecord } from '../../schemas/records/index.ts'
import type { RunEvent } from '../../topology/read-model/lists.ts'

export type RunEventRecord = Exclude<
  EventRecord,
  { readonly kind: 'LetterStored' | 'LetterReplayed' | 'LetterDiscarded' }
>

/** Stored; never reused for another kind. */
const CODES: { readonly [K in RunEventRecord['kind']]: string } = {
  RunAccepted: 'A',
  RunRejected: 'J',
  RunCompleted: 'C',
  RunFailed: 'F',
  RunCancelled: 'X',
  RunTimedOut: 'T',
  StepQueued: 'q',
  StepStarted: 's',
  StepRetrying: 'r',
  StepWaiting: 'w',
  StepCompleted: 'c',
  StepFailed: 'f',
  StepSkipped: 'k',
  StepCancelled: 'x',
}
const KINDS = new Map(Object.entries(CODES).map(([kind, code]) => [code, kind]))

/** Text of the events of one run in one batch. */
export interface EventLines {
  text: string
  readonly offset: number
  readonly ms: EpochMs
}

export function beginLines(offset: number, ms: EpochMs): EventLines {
  return { text: `@${offset},${ms}\n`, offset, ms }
}

export function addLine(lines: EventLines, event: RunEventRecord, offset: number): void {
  const detail = detailOf(event)
  // A step's id holds no comma. Differences are small numbers, which are cheap to write.
  const step = 'stepId' in event ? `${event.attempt},${event.stepId}` : ','
  const rest = detail === null ? '\n' : `,${JSON.stringify(detail)}\n`
  lines.text += `${CODES[event.kind]}${offset - lines.offset},${event.atMs - lines.ms},${step}${rest}`
}

function detailOf(event: RunEventRecord): string | null {
  switch (event.kind) {
    case 'StepQueued':
    case 'StepSkipped':
    case 'StepCancelled':
    case 'RunCancelled':
      return event.reason
    case 'StepWaiting':
      return event.waitsFor
    case 'StepRetrying':
    case 'StepFailed':
    case 'RunFailed':
    case 'RunRejected':
      return event.error.code
    default:
      return null
  }
}

/** Reads lines of {@link addLine}, of any number of batches, in order of offsets. */
export function eventsOf(text: string): RunEvent[] {
  const events: RunEvent[] = []
  let baseOffset = 0
  let baseMs: EpochMs = 0
  for (const line of text.split('\n')) {
    if (line.startsWith('@')) [baseOffset, baseMs] = line.slice(1).split(',').map(Number) as [number, number]
    const [, code, offset, ms, attempt, step, detail] =
      /^([A-Za-z])(\d+),(-?\d+),(\d*),([^,]*)(?:,(.+))?$/s.exec(line) ?? []
    if (code === undefined) continue
    events.push({
      offset: baseOffset + Number(offset),
      atMs: baseMs + Number(ms),
      kind: KINDS.get(code) ?? code,
      stepId: step === '' ? null : (step as StepId),
      attempt: attempt === '' ? null : Number(attempt),
      detail: detail === undefined ? null : (JSON.parse(detail) as string),
    })
  }
  return events.sort((a, b) => a.offset - b.offset)
}
