/** Folded changes as values for the tables' columns, in the order of the columns listed here. */
import { homeOf } from '../../schemas/ids.ts'
import type { JsonText } from '../../schemas/json.ts'
import type { OperationProgressed, OperationStarted } from '../../schemas/records/operations.ts'
import { errorJson, type LetterChange, type RunChange, type StepChange } from './fold.ts'
import { packSteps } from './packed-steps.ts'

export type Value = string | number | null

export const RUN_COLUMNS =
  `run_key run_id tenant flow version status accepted_at_ms started_at_ms finished_at_ms partition priority
  deadline_at_ms cause_topic cause_offset sticky_key idempotency_key failed_step error_code cancel_reason letter_id replay_of
  replay_id input_bytes output_bytes error metadata input output events packed_steps`.split(/\s+/)
export const STEP_COLUMNS =
  `run_n step_id first_offset status attempt pool worker_id queued_at_ms started_at_ms finished_at_ms
  due_at_ms reason waits_for waits_tenant waits_accepted_ms optional output_bytes error output
  events`.split(/\s+/)
export const LETTER_COLUMNS =
  `letter_id tenant fingerprint category status code message error run_id flow step_id topic partition
  offset parent_letter_id at_ms`.split(/\s+/)
export const OPERATION_COLUMNS =
  `operation_id tenant action query request_hash rate_per_s partitions requested_by reason started_at_ms
  first_offset`.split(/\s+/)
export const OPERATION_PART_COLUMNS = 'operation_id partition state matched done skipped failed at_ms'.split(' ')
export const OPERATION_ITEM_COLUMNS = 'operation_id at_ms place item_id outcome code new_run_id'.split(' ')
/** Set by the latest batch that changes the step. */
export const LATEST_STEP_COLUMNS = 'status due_at_ms reason optional error'.split(' ')
/** As those, but known to be empty for a run of which no step has waited. */
export const WAIT_COLUMNS = 'waits_for waits_tenant waits_accepted_ms'.split(' ')
/** Kept where the batch says nothing about them. */
export const KEPT_STEP_COLUMNS = `pool worker_id queued_at_ms started_at_ms finished_at_ms output output_bytes`.split(
  /\s+/,
)

/** The first 48 bits of a run id, of which 32 are random: few runs have the same. -1 for what is no run id. */
export function runKey(runId: string): number {
  const key = Number.parseInt(runId.slice(0, 8) + runId.slice(9, 13), 16)
  return Number.isNaN(key) ? -1 : key
}

/** What is kept of a payload: its text, or its size in bytes if it is over the limit. */
export type Payloads = (text: JsonText | null) => readonly [text: Value, sizeBytes: Value]

export function payloadsUpTo(maxBytes: number): Payloads {
  return (text) => {
    if (text === null) return [null, null]
    // UTF-8 takes at least one and at most three bytes for a unit of UTF-16.
    if (text.length * 3 <= maxBytes) return [text, null]
    const size = Buffer.byteLength(text)
    return size <= maxBytes ? [text, null] : [null, size]
  }
}

/** What the rows of a run's steps, and its counts, need to know of it. */
export interface OpenRun {
  readonly n: number
  readonly tenant: string
  readonly flow: string
  readonly version: number
  readonly partition: number
  readonly acceptedAtMs: number
  status: string
  /** A step of it waits, or may have waited. */
  waited: boolean
}

/** A run that begins in this batch; `null` if it does not. A refused submission shows as a run that failed when it arrived. */
export function newRunValues(run: RunChange, partitions: number, payloads: Payloads): Value[] | null {
  const { accepted, end } = run
  if (accepted === null) return rejectedValues(run, partitions)
  const status = end?.status ?? (run.startedAtMs === null ? 'accepted' : 'running')
  const [input, inputBytes] = payloads(accepted.input)
  const [output, outputBytes] = payloads(end?.output ?? null)
  return [
    runKey(run.runId),
    run.runId,
    run.tenant,
    accepted.flow,
    accepted.version,
    status,
    accepted.atMs,
    run.startedAtMs,
    end?.atMs ?? null,
    homeOf(run.runId, partitions),
    accepted.priority,
    accepted.deadlineAtMs,
    accepted.causeTopic,
    accepted.causeOffset,
    accepted.stickyKey,
    accepted.idempotencyKey,
    end?.failedStep ?? null,
    end?.errorCode ?? null,
    end?.cancelReason ?? null,
    end?.letterId ?? null,
    accepted.replayOf,
    accepted.replayId,
    inputBytes,
    outputBytes,
    end?.error ?? null,
    accepted.metadata,
    input,
    output,
    run.events.text,
    end === null || run.steps === null ? null : packSteps(run.steps.values(), accepted.atMs, payloads),
  ]
}

const DEFAULT_PRIORITY = 5

function rejectedValues(run: RunChange, partitions: number): Value[] | null {
  const { rejected } = run
  if (rejected === null) return null
  const values: Record<string, Value> = {
    run_key: runKey(run.runId),
    run_id: run.runId,
    tenant: run.tenant,
    flow: rejected.flow,
    version: 0,
    status: 'failed',
    accepted_at_ms: rejected.atMs,
    finished_at_ms: rejected.atMs,
    partition: homeOf(run.runId, partitions),
    priority: DEFAULT_PRIORITY,
    cause_topic: rejected.causeTopic,
    cause_offset: rejected.causeOffset,
    error_code: rejected.error.code,
    error: errorJson(rejected.error),
    events: run.events.text,
  }
  return RUN_COLUMNS.map((column) => values[column] ?? null)
}

/** The run as its steps see it, from {@link newRunValues}. */
export function openRunOf(n: number, values: readonly Value[]): OpenRun {
  const [, , tenant, flow, version, status, acceptedAtMs, , , partition] = values as [
    number,
    string,
    string,
    string,
    number,
    string,
    number,
    unknown,
    unknown,
    number,
  ]
  return { n, tenant, flow, version, status, acceptedAtMs, partition, waited: false }
}

export function stepValues(run: OpenRun, step: StepChange, events: string, payloads: Payloads): Value[] {
  const [output, outputBytes] = payloads(step.output)
  const waits = step.waitsFor !== null
  return [
    run.n,
    step.stepId,
    step.offset,
    step.status,
    step.attempt,
    step.pool,
    step.workerId,
    step.queuedAtMs,
    step.startedAtMs,
    step.finishedAtMs,
    step.dueAtMs,
    step.reason,
    step.waitsFor,
    waits ? run.tenant : null,
    waits ? run.acceptedAtMs : null,
    step.optional ? 1 : 0,
    outputBytes,
    step.error,
    output,
    events,
  ]
}

export function letterValues(letter: Extract<LetterChange, { readonly kind: 'LetterStored' }>): Value[] {
  return [
    letter.letterId,
    letter.tenant,
    letter.fingerprint,
    letter.category,
    'open',
    letter.error.code,
    letter.error.message,
    errorJson(letter.error),
    letter.runId,
    letter.flow,
    letter.stepId,
    letter.topic,
    letter.partition,
    letter.offset,
    letter.parentLetterId,
    letter.atMs,
  ]
}

export function operationValues(event: OperationStarted, offset: number): Value[] {
  const { operationId, tenant, action, query, requestHash, ratePerSecond, partitions, requestedBy, reason } = event
  const asked = [operationId, tenant, action, query, requestHash, ratePerSecond, partitions, requestedBy, reason]
  return [...asked, event.atMs, offset]
}

export function operationPartValues(event: OperationProgressed, partition: number): Value[] {
  const { operationId, state, matched, done, skipped, failed, atMs } = event
  return [operationId, partition, state, matched, done, skipped, failed, atMs]
}

export function operationItemValues(event: OperationProgressed, partition: number, offset: number): Value[][] {
  const place = (index: number): string =>
    `${String(partition).padStart(5, '0')}.${String(offset).padStart(16, '0')}.${String(index).padStart(6, '0')}`
  return event.items.map(({ id, outcome, code, newRunId }, index) => [
    event.operationId,
    event.atMs,
    place(index),
    id,
    outcome,
    code,
    newRunId,
  ])
}

/** Changes of `run_counts` within a batch. */
export class CountChanges {
  readonly #changes = new Map<string, { readonly row: readonly Value[]; change: number }>()

  add(
    { partition, tenant, flow, version }: Omit<OpenRun, 'n' | 'acceptedAtMs' | 'status' | 'waited'>,
    status: string,
    change: number,
  ) {
    const key = `${partition} ${version} ${status} ${tenant} ${flow}`
    const found = this.#changes.get(key)
    if (found !== undefined) found.change += change
    else this.#changes.set(key, { row: [partition, tenant, flow, version, status], change })
  }

  /** `partition, tenant, flow, version, status, change`, in one order everywhere, so that two writers cannot wait for each other. */
  *rows(): Iterable<readonly Value[]> {
    const sorted = [...this.#changes].sort(([a], [b]) => (a < b ? -1 : 1))
    for (const [, { row, change }] of sorted) if (change !== 0) yield [...row, change]
  }
}
