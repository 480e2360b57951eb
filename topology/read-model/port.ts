/**
 * The read model port: what has happened, arranged for queries. An adapter projects the `events` topic; it may lag behind the log and can always be
 * thrown away and built again. Payloads stay JSON text from the record to the answer.
 */
import type { EpochMs, RunId, StepId, TenantId } from '../../schemas/ids.ts'
import type { JsonText } from '../../schemas/json.ts'
import type { Pool } from '../../schemas/topics.ts'

export const RUN_STATUSES = ['accepted', 'running', 'completed', 'failed', 'cancelled', 'timed_out'] as const
export type RunStatus = (typeof RUN_STATUSES)[number]

export type StepStatus =
  | 'queued'
  | 'running'
  | 'retrying'
  | 'waiting'
  | 'completed'
  | 'failed'
  | 'timed_out'
  | 'skipped'
  | 'cancelled'

/** True once nothing can change the run any more. */
export function isFinished(status: RunStatus): boolean {
  return status !== 'accepted' && status !== 'running'
}

/** A payload as it is stored: its text, or only its size where it is over the read model's limit. */
export type StoredPayload =
  | { readonly kind: 'text'; readonly text: JsonText }
  | { readonly kind: 'omitted'; readonly sizeBytes: number }

export interface RunSummary {
  readonly runId: RunId
  readonly tenant: TenantId
  readonly flow: string
  /** 0 for a submission that was refused. */
  readonly version: number
  readonly status: RunStatus
  readonly acceptedAtMs: EpochMs
  readonly startedAtMs: EpochMs | null
  readonly finishedAtMs: EpochMs | null
  /** An `ErrorInfo`. */
  readonly error: JsonText | null
  readonly replayOf: RunId | null
  readonly replayId: string | null
}

/** A failed attempt that was followed by another one. */
export interface FailedAttempt {
  readonly attempt: number
  readonly failedAtMs: EpochMs
  readonly error: JsonText
}

export interface StepView {
  readonly stepId: StepId
  readonly status: StepStatus
  /** Number of the latest attempt, from 1; 0 before the first. */
  readonly attempt: number
  readonly pool: Pool | null
  readonly workerId: string | null
  readonly queuedAtMs: EpochMs | null
  readonly startedAtMs: EpochMs | null
  readonly finishedAtMs: EpochMs | null
  /** When a retry or a wait is due. */
  readonly dueAtMs: EpochMs | null
  /** What the step waits for, or why it was skipped or cancelled. */
  readonly reason: string | null
  readonly output: StoredPayload | null
  readonly error: JsonText | null
  /** Its failure counted as completion. */
  readonly optional: boolean
  readonly failedAttempts: readonly FailedAttempt[]
}

export interface RunView extends RunSummary {
  readonly priority: number
  readonly stickyKey: string | null
  readonly idempotencyKey: string | null
  readonly deadlineAtMs: EpochMs | null
  readonly metadata: JsonText | null
  readonly input: StoredPayload | null
  readonly output: StoredPayload | null
  readonly failedStep: StepId | null
  readonly cancelReason: string | null
  readonly letterId: string | null
  /** Outside record that the run came from. */
  readonly cause: { readonly topic: string; readonly offset: number }
  /** In the order in which they first appeared. */
  readonly steps: readonly StepView[]
  /** Everything before this position of `events` is in the answer. */
  readonly asOf: EventPosition
}

export interface EventPosition {
  readonly partition: number
  /** Offset of the next event to be applied. */
  readonly offset: number
}

export interface RunQuery {
  readonly tenant: TenantId
  readonly status: RunStatus | null
  readonly flow: string | null
  /** 1..1000 */
  readonly limit: number
  /** Runs that come after this one, newest first. */
  readonly after: RunCursor | null
}

export interface RunCursor {
  readonly acceptedAtMs: EpochMs
  readonly runId: RunId
}

export type LetterStatus = 'open' | 'replayed' | 'discarded'

/** Dead letters of one fingerprint. */
export interface LetterGroup {
  readonly fingerprint: string
  readonly category: string
  readonly flow: string | null
  readonly stepId: StepId | null
  readonly code: string
  /** Message of the latest letter. */
  readonly message: string
  readonly open: number
  readonly replayed: number
  readonly discarded: number
  readonly firstAtMs: EpochMs
  readonly lastAtMs: EpochMs
  /** Some of the open letters, latest first. */
  readonly sampleLetterIds: readonly string[]
}

export interface LetterView {
  readonly letterId: string
  readonly tenant: TenantId
  readonly fingerprint: string
  readonly category: string
  readonly status: LetterStatus
  readonly error: JsonText
  readonly runId: RunId | null
  readonly flow: string | null
  readonly stepId: StepId | null
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly parentLetterId: string | null
  readonly atMs: EpochMs
  readonly replayId: string | null
  readonly newRunId: RunId | null
  readonly resolvedAtMs: EpochMs | null
  readonly resolvedBy: string | null
  readonly resolvedReason: string | null
}

export interface LetterQuery {
  readonly tenant: TenantId
  readonly fingerprint: string | null
  readonly status: LetterStatus | null
  /** 1..1000 */
  readonly limit: number
}

export interface ReadModelCounts {
  readonly runs: { readonly [S in RunStatus]: number }
  readonly letters: { readonly [S in LetterStatus]: number }
}

/** All methods reject with {@link ReadModelError} once the model is closed or broken. */
export interface ReadModel {
  /** `null` if the tenant has no such run, or its acceptance has not been projected yet. */
  getRun(tenant: TenantId, runId: RunId): Promise<RunView | null>
  /** The run once it has ended, or as it is when `timeoutMs` have passed or the signal fires. */
  awaitRun(tenant: TenantId, runId: RunId, timeoutMs: number, signal?: AbortSignal): Promise<RunView | null>
  /** Newest first. */
  listRuns(query: RunQuery): Promise<readonly RunSummary[]>
  letterGroups(tenant: TenantId): Promise<readonly LetterGroup[]>
  letters(query: LetterQuery): Promise<readonly LetterView[]>
  counts(): Promise<ReadModelCounts>
  /** Offset of the next event to be applied, by partition. Cheap; as last reported. */
  positions(): readonly number[]
  close(): Promise<void>
}

export class ReadModelError extends Error {
  readonly code: 'READ_MODEL_CLOSED' | 'READ_MODEL_FAILED'
  constructor(code: 'READ_MODEL_CLOSED' | 'READ_MODEL_FAILED', message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ReadModelError'
    this.code = code
  }
}
