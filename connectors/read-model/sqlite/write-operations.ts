/** Bulk operations, what each task has done of them, and the items. */
import type { DatabaseSync } from 'node:sqlite'
import type { OperationChange } from '../fold.ts'
import {
  OPERATION_COLUMNS,
  OPERATION_ITEM_COLUMNS,
  OPERATION_PART_COLUMNS,
  operationItemValues,
  operationPartValues,
  operationValues,
} from '../rows.ts'
import { insertInto } from './statements.ts'

export function createOperationWriter(database: DatabaseSync): (change: OperationChange) => void {
  const once = 'ON CONFLICT DO NOTHING'
  const insert = database.prepare(insertInto('operations', OPERATION_COLUMNS, once))
  const putPart = database.prepare(
    insertInto('operation_parts', OPERATION_PART_COLUMNS).replace('INSERT', 'INSERT OR REPLACE'),
  )
  const insertItem = database.prepare(insertInto('operation_items', OPERATION_ITEM_COLUMNS, once))
  return ({ event, partition, offset }) => {
    if (event.kind === 'OperationStarted') {
      insert.run(...operationValues(event, offset))
      return
    }
    putPart.run(...operationPartValues(event, partition))
    for (const values of operationItemValues(event, partition, offset)) insertItem.run(...values)
  }
}
