/** Bulk operations as the read model shows them. */
import type { EpochMs, RunId, TenantId } from '../../schemas/ids.ts'
import type { JsonText } from '../../schemas/json.ts'
import type { ItemResult, OperationAction } from '../../schemas/records/operations.ts'
import type { AsOf } from './lists.ts'
import type { RunStatus } from './port.ts'

export const OPERATION_STATUSES = ['running', 'stopped', 'finished'] as const
export type OperationStatus = (typeof OPERATION_STATUSES)[number]
export type ItemOutcome = ItemResult['outcome']

export interface OperationView {
  readonly operationId: string
  readonly tenant: TenantId
  readonly action: OperationAction
  readonly query: JsonText
  /** Over all that was asked. */
  readonly requestHash: string
  /** 0: as fast as possible. */
  readonly ratePerSecond: number
  readonly requestedBy: string | null
  readonly reason: string | null
  readonly status: OperationStatus
  readonly startedAtMs: EpochMs
  /** `null` while it goes on. */
  readonly endedAtMs: EpochMs | null
  /** Of its start, in partition 0 of `events`. */
  readonly offset: number
  /** Items in all, as far as the tasks have said; the other numbers are parts of it. */
  readonly matched: number
  readonly done: number
  readonly skipped: number
  readonly failed: number
}

export interface OperationQuery {
  readonly tenant: TenantId
  readonly action: OperationAction | null
  /** 1..1000 */
  readonly limit: number
  readonly cursor: string | null
}

export interface OperationPage {
  /** The latest first. */
  readonly operations: readonly OperationView[]
  readonly next: string | null
  readonly asOf: AsOf
}

export interface OperationItemQuery {
  readonly tenant: TenantId
  readonly operationId: string
  readonly outcome: ItemOutcome | null
  /** 1..1000 */
  readonly limit: number
  readonly cursor: string | null
}

export interface OperationItemView {
  /** Of the run or letter. */
  readonly id: string
  readonly atMs: EpochMs
  readonly outcome: ItemOutcome
  readonly code: string | null
  readonly newRunId: RunId | null
  /** Where the run is now: the new one if there is one. `null` for what is no run, and for one that is not known any more, or not yet. */
  readonly runStatus: RunStatus | null
}

export interface OperationItemPage {
  readonly items: readonly OperationItemView[]
  /** Asks for what follows. `null` where nothing does, yet: what an operation does later comes after this. */
  readonly next: string | null
  readonly asOf: AsOf
}
