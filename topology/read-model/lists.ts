/** What the lists of the read model are asked and answer. Payloads are in none of them. */
import type { EpochMs, RunId, StepId, TenantId } from '../../schemas/ids.ts'
import type { LetterGroup, LetterStatus, LetterView, RunStatus, RunSummary } from './port.ts'

/**
 * What a step may wait for: its next attempt (`retry`), a slot under its window, concurrency or rate (`slot`), a worker of its pool (`worker`),
 * or what the flow tells it to wait for.
 */
export const WAIT_KINDS = ['retry', 'slot', 'worker', 'timer', 'signal', 'approval', 'child'] as const
export type WaitKind = (typeof WAIT_KINDS)[number]

/** Instants from `fromMs` (included) to `toMs` (not included); `null` leaves that end open. */
export interface TimeRange {
  readonly fromMs: EpochMs | null
  readonly toMs: EpochMs | null
}

/** All that is given must hold; `null` and an empty list ask for nothing. */
export interface RunFilter {
  readonly tenant: TenantId
  readonly status: RunStatus | null
  readonly flow: string | null
  readonly version: number | null
  /** A step of the run waits for this now. */
  readonly waitingFor: WaitKind | null
  /** This step waits now; with `waitingFor`, for that. */
  readonly waitingStep: StepId | null
  readonly accepted: TimeRange | null
  readonly finished: TimeRange | null
  /** Top-level fields of the run's metadata that are a string, number or boolean, compared as text. At most 8. */
  readonly metadata: readonly { readonly key: string; readonly value: string }[]
  /** Code of the error that the run ended with. */
  readonly errorCode: string | null
}

/** A filter that every run of the tenant passes. */
export function anyRun(tenant: TenantId): RunFilter {
  return {
    tenant,
    status: null,
    flow: null,
    version: null,
    waitingFor: null,
    waitingStep: null,
    accepted: null,
    finished: null,
    metadata: [],
    errorCode: null,
  }
}

export type ListOrder = 'newest' | 'oldest'

export interface RunQuery {
  readonly filter: RunFilter
  /** By time of acceptance; by time of the end where the filter asks for `finished`. */
  readonly order: ListOrder
  /** 1..1000 */
  readonly limit: number
  /** `next` of an earlier answer to the same query, whose limit alone may differ. */
  readonly cursor: string | null
}

/** What an answer contains: every event before these positions, and perhaps some after them. */
export interface AsOf {
  /** Offset of the next event to be applied, by partition. */
  readonly positions: readonly number[]
  /** Time of the latest event applied; `null` before the first. */
  readonly eventMs: EpochMs | null
}

export interface RunPage {
  readonly runs: readonly RunSummary[]
  /** Asks for what follows; `null` where nothing does. */
  readonly next: string | null
  /** True if the page ends early because many runs did not pass the filter; `next` goes on from there. */
  readonly cutShort: boolean
  readonly asOf: AsOf
}

export interface RunCounts {
  readonly counts: { readonly [S in RunStatus]: number }
  /** False if counting stopped at its bound: there are at least so many. */
  readonly complete: boolean
  readonly asOf: AsOf
}

/** An event of a run, without payloads. */
export interface RunEvent {
  /** Offset in the run's partition of `events`. */
  readonly offset: number
  readonly atMs: EpochMs
  /** Name of the record, e.g. `StepStarted`. */
  readonly kind: string
  readonly stepId: StepId | null
  /** `null` for events of the run itself. */
  readonly attempt: number | null
  /** In a word what the event was about: what a step waits for, why it was skipped, the code of an error. */
  readonly detail: string | null
}

export interface RunEventsQuery {
  readonly tenant: TenantId
  readonly runId: RunId
  /** Offset after which to begin; `null`: with the first. */
  readonly after: number | null
  /** 1..1000 */
  readonly limit: number
}

export interface RunEventsPage {
  /** Partition of `events`. */
  readonly partition: number
  readonly events: readonly RunEvent[]
  /** There are more after the last of these. */
  readonly more: boolean
  readonly asOf: AsOf
}

export interface LetterQuery {
  readonly tenant: TenantId
  readonly fingerprint: string | null
  readonly status: LetterStatus | null
  readonly flow: string | null
  readonly code: string | null
  /** By time of the letter. */
  readonly order: ListOrder
  /** 1..1000 */
  readonly limit: number
  readonly cursor: string | null
}

/** A query that every letter of the tenant answers, latest first. */
export function anyLetter(tenant: TenantId, limit: number): LetterQuery {
  return { tenant, fingerprint: null, status: null, flow: null, code: null, order: 'newest', limit, cursor: null }
}

export interface LetterPage {
  readonly letters: readonly LetterView[]
  readonly next: string | null
  readonly cutShort: boolean
  readonly asOf: AsOf
}

export interface LetterGroups {
  /** Latest first, at most 1000. */
  readonly groups: readonly LetterGroup[]
  readonly asOf: AsOf
}

export interface TenantsPage {
  /** By name, at most `limit`. */
  readonly tenants: readonly {
    readonly tenant: TenantId
    readonly runs: { readonly [S in RunStatus]: number }
  }[]
  /** There are more after the last of these. */
  readonly more: boolean
  readonly asOf: AsOf
}
