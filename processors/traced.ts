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

type OfAttempt = Omit<TracedAttempt, 'kind' | 'runId' | 'tenant' | 'flow' | 'version' | 'traceparent'>

/** The one place where an attempt becomes what is told of it, whoever tells: its executor, or the task of its run where no executor can. */
export function tracedAttempt(
  { runId, tenant, flow, version, traceparent }: Omit<OfRun, 'startedAtMs' | 'endedAtMs' | 'errorCode'>,
  attempt: OfAttempt,
): TracedAttempt {
  return { kind: 'attempt', runId, tenant, flow, version, traceparent, ...attempt }
}

export type TracedEnd = TracedRun | TracedAttempt
