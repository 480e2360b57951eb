/** What is told of runs and attempts that have ended, where somebody traces them. */
import type { EpochMs, RunId, StepId, TenantId } from '../schemas/ids.ts'
import type { AttemptStatus } from '../schemas/records/result.ts'

interface OfRun {
  readonly runId: RunId
  readonly tenant: TenantId
  readonly flow: string
  readonly version: number
  /** What the run came with. */
  readonly traceparent: string | null
  readonly startedAtMs: EpochMs
  readonly endedAtMs: EpochMs
  readonly errorCode: string | null
}

export interface TracedRun extends OfRun {
  readonly kind: 'run'
  readonly status: 'completed' | 'failed' | 'cancelled' | 'timed_out'
  /** The run that it is a replay of. `sharesTrace`: it has taken over that one's `traceparent`. */
  readonly replay: { readonly of: RunId; readonly sharesTrace: boolean } | null
}

export interface TracedAttempt extends OfRun {
  readonly kind: 'attempt'
  readonly stepId: StepId
  readonly attempt: number
  readonly block: string
  readonly pool: string
  readonly status: AttemptStatus
  readonly workerId: string
  /** From the assignment to the start; `null` for attempts that never began. */
  readonly waitedMs: number | null
}

export type TracedEnd = TracedRun | TracedAttempt
