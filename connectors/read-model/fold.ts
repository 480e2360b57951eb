/**
 * Folds the events of a batch into one change per run, step and letter, so that a run that begins and ends within a batch costs one write per row.
 * Pure. Events of one run arrive in the order of their partition.
 */
import type { EpochMs, RunId, StepId, TenantId } from '../../schemas/ids.ts'
import type { JsonText } from '../../schemas/json.ts'
import type {
  LetterDiscarded,
  LetterReplayed,
  LetterStored,
  RunAccepted,
  RunRejected,
} from '../../schemas/records/events.ts'
import type { BeamlineRecord, RecordKind, RecordOfKind } from '../../schemas/records/index.ts'
import type { OperationProgressed, OperationStarted } from '../../schemas/records/operations.ts'
import type { Pool } from '../../schemas/topics.ts'
import type { WaitKind } from '../../topology/read-model/lists.ts'
import type { FailedAttempt, RunStatus, StepStatus } from '../../topology/read-model/port.ts'
import { addLine, beginLines, type EventLines, type RunEventRecord } from './run-events.ts'

export interface RunEnd {
  readonly status: Exclude<RunStatus, 'accepted' | 'running'>
  readonly atMs: EpochMs
  readonly output: JsonText | null
  readonly error: JsonText | null
  readonly errorCode: string | null
  readonly failedStep: StepId | null
  readonly cancelReason: string | null
  readonly letterId: string | null
}

/** What a batch changes in a step; `null` leaves a time or name as it was. */
export interface StepChange {
  readonly stepId: StepId
  /** Offset of the first event of the step in the batch. */
  readonly offset: number
  status: StepStatus
  attempt: number
  pool: Pool | null
  workerId: string | null
  queuedAtMs: EpochMs | null
  startedAtMs: EpochMs | null
  finishedAtMs: EpochMs | null
  dueAtMs: EpochMs | null
  reason: string | null
  /** What it waits for at the end of the batch. */
  waitsFor: WaitKind | null
  output: JsonText | null
  error: JsonText | null
  optional: boolean
  failedAttempts: FailedAttempt[] | null
}

export interface RunChange {
  readonly runId: RunId
  readonly tenant: TenantId
  accepted: RunAccepted | null
  rejected: RunRejected | null
  startedAtMs: EpochMs | null
  end: RunEnd | null
  /** By step; `null` while there is none. */
  steps: Map<StepId, StepChange> | null
  readonly events: EventLines
}

export type LetterChange = LetterStored | LetterReplayed | LetterDiscarded

export interface OperationChange {
  readonly event: OperationStarted | OperationProgressed
  readonly partition: number
  readonly offset: number
}

export interface BatchChange {
  readonly runs: Map<RunId, RunChange>
  readonly letters: LetterChange[]
  readonly operations: OperationChange[]
  /** Latest time in any event; stands in for the clock. */
  latestMs: EpochMs
}

export function emptyBatch(): BatchChange {
  return { runs: new Map(), letters: [], operations: [], latestMs: 0 }
}

/** Adds one event; records that are no events are passed over. */
export function foldEvent(batch: BatchChange, event: BeamlineRecord, partition: number, offset: number): void {
  if (!('atMs' in event) || event.kind === 'DeadLetter') return
  if (event.atMs > batch.latestMs) batch.latestMs = event.atMs
  if (event.kind === 'LetterStored' || event.kind === 'LetterReplayed' || event.kind === 'LetterDiscarded') {
    batch.letters.push(event)
    return
  }
  if (event.kind === 'OperationStarted' || event.kind === 'OperationProgressed') {
    batch.operations.push({ event, partition, offset })
    return
  }
  const run = runOf(batch, event, offset)
  addLine(run.events, event, offset)
  switch (event.kind) {
    case 'RunAccepted':
      run.accepted = event
      for (const id of event.takenOver) takeOver(stepOf(run, id, 0, offset), event.atMs)
      return
    case 'RunRejected':
      run.rejected = event
      return
    case 'RunCompleted':
      run.end = { ...ended('completed', event.atMs), output: event.output }
      return
    case 'RunFailed':
      run.end = {
        ...ended('failed', event.atMs),
        error: errorJson(event.error),
        errorCode: event.error.code,
        failedStep: event.failedStep,
        letterId: event.letterId,
      }
      return
    case 'RunCancelled':
      run.end = { ...ended('cancelled', event.atMs), cancelReason: event.reason }
      return
    case 'RunTimedOut':
      run.end = { ...ended('timed_out', event.atMs), letterId: event.letterId }
      return
    default:
      foldStep(run, event, offset)
  }
}

type StepKind = Extract<RecordKind, `Step${string}`>
type StepEvent = Exclude<RecordOfKind<StepKind>, { readonly kind: 'StepReady' }>
type StepFold<K extends StepEvent['kind']> = (step: StepChange, event: RecordOfKind<K>, run: RunChange) => void

const STEP_FOLDS: { readonly [K in StepEvent['kind']]: StepFold<K> } = {
  StepQueued(step, event) {
    step.status = 'queued'
    step.pool = event.pool
    step.queuedAtMs = event.atMs
    step.reason = event.reason
    step.waitsFor = event.reason === 'worker' ? 'worker' : 'slot'
  },
  StepStarted(step, event, run) {
    step.status = 'running'
    step.pool = event.pool
    step.startedAtMs = event.atMs
    run.startedAtMs ??= event.atMs
  },
  StepRetrying(step, event) {
    step.status = 'retrying'
    step.dueAtMs = event.retryAtMs
    step.waitsFor = 'retry'
    step.error = errorJson(event.error)
    step.failedAttempts ??= []
    step.failedAttempts.push({ attempt: event.attempt, failedAtMs: event.atMs, error: step.error })
  },
  StepWaiting(step, event, run) {
    step.status = 'waiting'
    step.reason = event.waitsFor
    step.waitsFor = event.waitsFor
    step.dueAtMs = event.untilMs
    run.startedAtMs ??= event.atMs
  },
  StepCompleted(step, event) {
    step.status = 'completed'
    step.output = event.output
    step.workerId = event.workerId
    step.startedAtMs = event.startedAtMs
    step.finishedAtMs = event.finishedAtMs
  },
  StepFailed(step, event) {
    step.status = event.status
    step.error = errorJson(event.error)
    step.optional = event.optional
    step.finishedAtMs = event.atMs
  },
  StepSkipped(step, event) {
    step.status = 'skipped'
    step.reason = event.reason
    step.finishedAtMs = event.atMs
  },
  StepCancelled(step, event) {
    step.status = 'cancelled'
    step.reason = event.reason
    step.finishedAtMs = event.atMs
  },
}

function foldStep(run: RunChange, event: StepEvent, offset: number): void {
  const step = stepOf(run, event.stepId, event.attempt, offset)
  // A step leaves its wait, its reason and its last error behind with every event.
  step.dueAtMs = null
  step.reason = null
  step.waitsFor = null
  step.error = null
  const fold = STEP_FOLDS[event.kind] as StepFold<StepEvent['kind']>
  fold(step, event as never, run)
}

function runOf(batch: BatchChange, { runId, tenant, atMs }: RunEventRecord, offset: number): RunChange {
  let run = batch.runs.get(runId)
  if (run === undefined) {
    run = {
      runId,
      tenant,
      accepted: null,
      rejected: null,
      startedAtMs: null,
      end: null,
      steps: null,
      events: beginLines(offset, atMs),
    }
    batch.runs.set(runId, run)
  }
  return run
}

function stepOf(run: RunChange, stepId: StepId, attempt: number, offset: number): StepChange {
  run.steps ??= new Map()
  let step = run.steps.get(stepId)
  if (step === undefined) {
    step = {
      stepId,
      offset,
      status: 'queued',
      attempt,
      pool: null,
      workerId: null,
      queuedAtMs: null,
      startedAtMs: null,
      finishedAtMs: null,
      dueAtMs: null,
      reason: null,
      waitsFor: null,
      output: null,
      error: null,
      optional: false,
      failedAttempts: null,
    }
    run.steps.set(stepId, step)
  }
  if (attempt > step.attempt) step.attempt = attempt
  return step
}

function takeOver(step: StepChange, atMs: EpochMs): void {
  step.status = 'completed'
  step.reason = 'taken_over'
  step.finishedAtMs = atMs
}

function ended(status: RunEnd['status'], atMs: EpochMs): RunEnd {
  return {
    status,
    atMs,
    output: null,
    error: null,
    errorCode: null,
    failedStep: null,
    cancelReason: null,
    letterId: null,
  }
}

/** An `ErrorInfo` as it is shown: snake_case, without what is absent. */
export function errorJson(error: RunRejected['error']): JsonText {
  const parts = [
    `"code":${JSON.stringify(error.code)}`,
    `"message":${JSON.stringify(error.message)}`,
    `"class":"${error.class}"`,
  ]
  if (error.retryAfterMs !== null) parts.push(`"retry_after_ms":${error.retryAfterMs}`)
  if (error.detail !== null) parts.push(`"detail":${error.detail}`)
  return `{${parts.join(',')}}` as JsonText
}
