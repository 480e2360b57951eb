import { arrayOf, boolean, defineRecord, int, json, long, nullable, oneOf, type RecordOf, string } from '../define.ts'
import { POOLS } from '../topics.ts'
import { cause, errorInfo, runId, stepId, tenantId } from './shared.ts'

/** What happened to runs and steps, in order per run. Each carries the log position that caused it. */
const run = { runId, tenant: tenantId, atMs: long, ...cause }
const step = { ...run, stepId, attempt: int }

export const RunAccepted = defineRecord('RunAccepted', 1, {
  ...run,
  flow: string,
  version: int,
  input: json,
  priority: int,
  stickyKey: nullable(string),
  idempotencyKey: nullable(string),
  metadata: nullable(json),
  traceparent: nullable(string),
  deadlineAtMs: nullable(long),
  replayOf: nullable(runId),
  replayId: nullable(string),
  letterId: nullable(string),
  /** Steps whose outputs were taken over from the replayed run. */
  takenOver: arrayOf(stepId),
})
/** A submission with a run id that ingest refused; it ends here. */
export const RunRejected = defineRecord('RunRejected', 1, { ...run, flow: string, error: errorInfo })
export const StepQueued = defineRecord('StepQueued', 1, {
  ...step,
  pool: oneOf(...POOLS),
  /** What the step waits for. */
  reason: oneOf('window', 'concurrency', 'rate', 'worker'),
})
/** The attempt was handed to a worker's partition. */
export const StepStarted = defineRecord('StepStarted', 1, { ...step, pool: oneOf(...POOLS), poolPartition: int })
export const StepRetrying = defineRecord('StepRetrying', 1, { ...step, error: errorInfo, retryAtMs: long })
export const StepWaiting = defineRecord('StepWaiting', 1, {
  ...step,
  waitsFor: oneOf('timer', 'signal', 'approval', 'child'),
  untilMs: nullable(long),
})
export const StepCompleted = defineRecord('StepCompleted', 1, {
  ...step,
  output: json,
  workerId: nullable(string),
  startedAtMs: long,
  finishedAtMs: long,
})
/** The step failed for good. */
export const StepFailed = defineRecord('StepFailed', 1, {
  ...step,
  status: oneOf('failed', 'timed_out'),
  error: errorInfo,
  /** True when the flow goes on as if it had completed. */
  optional: boolean,
})
export const StepSkipped = defineRecord('StepSkipped', 1, {
  ...step,
  reason: oneOf('condition', 'upstream_skipped', 'upstream_failed', 'join_not_met'),
})
export const StepCancelled = defineRecord('StepCancelled', 1, { ...step, reason: string })
export const RunCompleted = defineRecord('RunCompleted', 1, { ...run, output: json })
export const RunFailed = defineRecord('RunFailed', 1, {
  ...run,
  error: errorInfo,
  failedStep: nullable(stepId),
  letterId: nullable(string),
})
export const RunCancelled = defineRecord('RunCancelled', 1, {
  ...run,
  reason: nullable(string),
  requestedBy: nullable(string),
})
export const RunTimedOut = defineRecord('RunTimedOut', 1, { ...run, deadlineAtMs: long, letterId: nullable(string) })

const letter = { letterId: string, tenant: tenantId, fingerprint: string, atMs: long, ...cause }
export const LetterStored = defineRecord('LetterStored', 1, {
  ...letter,
  category: string,
  error: errorInfo,
  runId: nullable(runId),
  flow: nullable(string),
  stepId: nullable(stepId),
  topic: string,
  partition: int,
  offset: long,
  parentLetterId: nullable(string),
})
export const LetterReplayed = defineRecord('LetterReplayed', 1, {
  ...letter,
  replayId: string,
  /** What it became; `null` for a record that was appended again. */
  newRunId: nullable(runId),
  requestedBy: nullable(string),
  reason: nullable(string),
})
export const LetterDiscarded = defineRecord('LetterDiscarded', 1, {
  ...letter,
  reason: string,
  requestedBy: nullable(string),
})

export type RunAccepted = RecordOf<typeof RunAccepted>
export type RunRejected = RecordOf<typeof RunRejected>
export type StepQueued = RecordOf<typeof StepQueued>
export type StepStarted = RecordOf<typeof StepStarted>
export type StepRetrying = RecordOf<typeof StepRetrying>
export type StepWaiting = RecordOf<typeof StepWaiting>
export type StepCompleted = RecordOf<typeof StepCompleted>
export type StepFailed = RecordOf<typeof StepFailed>
export type StepSkipped = RecordOf<typeof StepSkipped>
export type StepCancelled = RecordOf<typeof StepCancelled>
export type RunCompleted = RecordOf<typeof RunCompleted>
export type RunFailed = RecordOf<typeof RunFailed>
export type RunCancelled = RecordOf<typeof RunCancelled>
export type RunTimedOut = RecordOf<typeof RunTimedOut>
export type LetterStored = RecordOf<typeof LetterStored>
export type LetterReplayed = RecordOf<typeof LetterReplayed>
export type LetterDiscarded = RecordOf<typeof LetterDiscarded>
