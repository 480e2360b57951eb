/**
 * The read model port: what has happened, arranged for queries. An adapter projects the `events` topic; it may lag behind the log and can always be
 * thrown away and built again. Payloads stay JSON text from the record to the answer.
 */
import type { EpochMs, RunId, StepId, TenantId } from '../../schemas/ids.ts'
import type { JsonText } from '../../schemas/json.ts'
import type { Pool } from '../../schemas/topics.ts'
import type {
  AsOf,
  LetterGroups,
  LetterPage,
  LetterQuery,
  RunCounts,
  RunEventsPage,
  RunEventsQuery,
  RunFilter,
  RunPage,
  RunQuery,
  TenantsPage,
} from './lists.ts'
import type {
  OperationItemPage,
  OperationItemQuery,
  OperationPage,
  OperationQuery,
  OperationView,
} from './operations.ts'

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
  /** Time of the latest event applied, of any partition; `null` before the first. */
  readonly eventMs: EpochMs | null
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

export interface ReadModelCounts {
  readonly runs: { readonly [S in RunStatus]: number }
  readonly letters: { readonly [S in LetterStatus]: number }
  readonly asOf: AsOf
}

/** How far the projection is. */
export interface ReadModelState {
  readonly asOf: AsOf
  /** Where the build that will take over is; `null` while none is under way. */
  readonly rebuilding: { readonly positions: readonly number[] } | null
}

export interface BlobsPage {
  readonly hashes: readonly string[]
  /** `null`: there are no more runs. */
  readonly next: number | null
}

/** All methods reject with {@link ReadModelError} once the model is closed, or while it is broken or cannot be reached. */
export interface ReadModel {
  /** `null` if the tenant has no such run, or its acceptance has not been projected yet. */
  getRun(tenant: TenantId, runId: RunId): Promise<RunView | null>
  /** The run once it has ended, or as it is when `timeoutMs` have passed or the signal fires. */
  awaitRun(tenant: TenantId, runId: RunId, timeoutMs: number, signal?: AbortSignal): Promise<RunView | null>
  /** The events of a run in order; `null` as for `getRun`. */
  runEvents(query: RunEventsQuery): Promise<RunEventsPage | null>
  /** @throws {ReadModelError} `CURSOR_INVALID` */
  listRuns(query: RunQuery): Promise<RunPage>
  /** How many runs pass the filter, by status. Exact if it asks for nothing but flow, version and status; else counting is bounded. */
  countRuns(filter: RunFilter): Promise<RunCounts>
  letterGroups(tenant: TenantId): Promise<LetterGroups>
  /** @throws {ReadModelError} `CURSOR_INVALID` */
  letters(query: LetterQuery): Promise<LetterPage>
  getLetter(tenant: TenantId, letterId: string): Promise<LetterView | null>
  /** Tenants that have runs, by name, those after `after`; `limit` is 1..1000. */
  tenants(after: TenantId | null, limit: number): Promise<TenantsPage>
  /** `null` if the tenant has no such bulk operation, or its start has not been projected yet. */
  getOperation(tenant: TenantId, operationId: string): Promise<OperationView | null>
  /** @throws {ReadModelError} `CURSOR_INVALID` */
  operations(query: OperationQuery): Promise<OperationPage>
  /** What an operation has done, in the order in which it did; `null` as for `getOperation`. @throws {ReadModelError} `CURSOR_INVALID` */
  operationItems(query: OperationItemQuery): Promise<OperationItemPage | null>
  /** Hashes of the blobs that runs refer to, for some runs after the one of this number; begin with 0, `next` goes on. */
  blobs(after: number): Promise<BlobsPage>
  counts(): Promise<ReadModelCounts>
  state(): Promise<ReadModelState>
  /**
   * Has the projection built again from what the log still has, beside the one that serves until the new one has caught up with it. Resolves once that is
   * under way; does nothing if it is already. What the log has no more of is gone afterwards.
   */
  rebuild(): Promise<void>
  /** Offset of the next event to be applied, by partition, in the build that has come least far. Cheap; as last reported. */
  positions(): readonly number[]
  close(): Promise<void>
}

/**
 * `READ_MODEL_CLOSED`: for good; `READ_MODEL_FAILED`: it is broken or cannot be reached now; `READ_MODEL_NEWER`: its tables are of a later version than
 * this process knows; `READ_MODEL_FOREIGN`: they belong to another log; `CURSOR_INVALID`: the cursor is none of this query.
 */
export type ReadModelErrorCode =
  | 'READ_MODEL_CLOSED'
  | 'READ_MODEL_FAILED'
  | 'READ_MODEL_NEWER'
  | 'READ_MODEL_FOREIGN'
  | 'CURSOR_INVALID'

export class ReadModelError extends Error {
  readonly code: ReadModelErrorCode
  constructor(code: ReadModelErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ReadModelError'
    this.code = code
  }
}
