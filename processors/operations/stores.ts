/** The stores of bulk operations: how far each has come, and what it has still to do. */
import { arrayOf, defineValue, double, int, long, nullable, oneOf, string, type ValueOf } from '../../schemas/define.ts'
import { OPERATION_ACTIONS, OPERATION_STATES, operationItem } from '../../schemas/records/operations.ts'
import { tenantId } from '../../schemas/records/shared.ts'
import type { StoreDef } from '../turn.ts'

const operationFields = {
  tenant: tenantId,
  action: oneOf(...OPERATION_ACTIONS),
  requestHash: string,
  /** This task's share of the rate; 0: as fast as possible. */
  ratePerSecond: double,
  requestedBy: nullable(string),
  reason: nullable(string),
  state: oneOf(...OPERATION_STATES),
  /** Items of this task, and in how many rows of {@link OPERATION_ITEMS} they came. */
  matched: int,
  listId: string,
  chunks: int,
  /** The next item: its row and its place in it. */
  chunk: int,
  at: int,
  /** Times that it went on; the pace counts by them. */
  tick: long,
  done: int,
  skipped: int,
  failed: int,
  /** When it goes on; once it has ended, when it is forgotten. */
  dueAtMs: long,
}
export type OperationRow = ValueOf<typeof operationFields>

/** By operation id. Kept for the retention after the end, so that a repeated start does nothing. */
export const OPERATIONS: StoreDef<OperationRow> = {
  name: 'operations',
  id: 46,
  type: defineValue('OperationRow', operationFields),
  dueAt: (row) => row.dueAtMs,
}

const itemsFields = {
  operationId: string,
  items: arrayOf(operationItem),
  /** When it is looked at whether anybody still needs it. */
  dueAtMs: long,
}
export type ItemsRow = ValueOf<typeof itemsFields>

/** By {@link itemsKey}: written once, deleted when all of it is done. */
export const OPERATION_ITEMS: StoreDef<ItemsRow> = {
  name: 'operation_items',
  id: 47,
  type: defineValue('OperationItemsRow', itemsFields),
  dueAt: (row) => row.dueAtMs,
}

export function itemsKey(listId: string, chunk: number): string {
  return `${listId}/${chunk}`
}

/** For a list whose operation has not begun. Usually that takes no longer than the task of partition 0 needs to answer. */
export const LIST_KEPT_MS = 3_600_000
