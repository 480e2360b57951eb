/**
 * The steps of a run that began and ended within one batch, as one text in the run's row: most runs do, and so cost one row.
 *
 * Layout: a JSON array with an array of values for each step, its times less that of the run's acceptance, the last two being lengths; a line feed; then for
 * each step its error and output, of these lengths in units of UTF-16, one after the other. So payloads are copied, never parsed.
 */
import type { Selectable } from 'kysely'
import type { EpochMs } from '../../schemas/ids.ts'
import type { StepChange } from './fold.ts'
import type { Payloads, Value } from './rows.ts'
import type { StepsTable } from './tables.ts'

const text = (value: string | null): string => (value === null ? 'null' : JSON.stringify(value))

export function packSteps(steps: Iterable<StepChange>, acceptedAtMs: EpochMs, payloads: Payloads): string {
  const since = (ms: EpochMs | null): number | null => (ms === null ? null : ms - acceptedAtMs)
  let head = ''
  let tail = ''
  for (const step of steps) {
    const { error } = step
    const [kept, outputBytes] = payloads(step.output)
    const output = kept as string | null
    const names = `"${step.stepId}",${step.offset},"${step.status}",${step.attempt},${text(step.pool)},${text(step.workerId)}`
    const times = `${since(step.queuedAtMs)},${since(step.startedAtMs)},${since(step.finishedAtMs)},${since(step.dueAtMs)}`
    const lengths = `${outputBytes},${error === null ? null : error.length},${output === null ? null : output.length}`
    head += `${head === '' ? '' : ','}[${names},${times},${text(step.reason)},${step.optional ? 1 : 0},${lengths}]`
    if (error !== null) tail += error
    if (output !== null) tail += output
  }
  return `[${head}]\n${tail}`
}

/** A packed step as the row it would have been, but for its place among waiting ones, which it has none in. */
export type PackedStep = Omit<Selectable<StepsTable>, 'run_n' | 'waits_for' | 'waits_tenant' | 'waits_accepted_ms'>

type Head = readonly [
  ...[string, number, string, number, string | null, string | null],
  ...[number | null, number | null, number | null, number | null, string | null, number, number | null],
  ...[number | null, number | null],
]

export function unpackSteps(packed: string | null, acceptedAtMs: EpochMs): PackedStep[] {
  if (packed === null) return []
  const end = packed.indexOf('\n')
  const heads = JSON.parse(packed.slice(0, end)) as Head[]
  const instant = (sinceMs: number | null): EpochMs | null => (sinceMs === null ? null : acceptedAtMs + sinceMs)
  let at = end + 1
  const take = (length: number | null): string | null => {
    if (length === null) return null
    at += length
    return packed.slice(at - length, at)
  }
  return heads.map((head) => {
    const [step_id, first_offset, status, attempt, pool, worker_id, queued, started, finished, due, ...rest] = head
    const [reason, optional, output_bytes, errorLength, outputLength] = rest
    return {
      ...{ step_id, first_offset, status, attempt, pool, worker_id, reason, optional, output_bytes },
      queued_at_ms: instant(queued),
      started_at_ms: instant(started),
      finished_at_ms: instant(finished),
      due_at_ms: instant(due),
      error: take(errorLength),
      output: take(outputLength),
      events: '',
    }
  })
}

const KEPT = ['pool', 'worker_id', 'queued_at_ms', 'started_at_ms', 'finished_at_ms', 'output', 'output_bytes'] as const

/** A row written after the step was packed: what it says nothing about is as it was. */
export function mergeStep(packed: PackedStep, row: PackedStep): PackedStep {
  const kept: Record<string, Value> = {}
  for (const column of KEPT) kept[column] = row[column] ?? packed[column]
  const attempt = Math.max(packed.attempt, row.attempt)
  return { ...row, ...kept, attempt, first_offset: packed.first_offset }
}
