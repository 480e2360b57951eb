/** Bulk operations of a batch, what each task has done of them, and the items. */
import type { ClientBase } from 'pg'
import type { OperationChange } from '../fold.ts'
import {
  OPERATION_COLUMNS,
  OPERATION_ITEM_COLUMNS,
  OPERATION_PART_COLUMNS,
  operationItemValues,
  operationPartValues,
  operationValues,
  type Value,
} from '../rows.ts'
import { quoted, recordset, recordsJson } from './recordset.ts'

const PART_KEY = ['operation_id', 'partition']
const INSERT = insertFrom('operations', OPERATION_COLUMNS, 'do nothing')
const INSERT_ITEMS = insertFrom('operation_items', OPERATION_ITEM_COLUMNS, 'do nothing')
const PUT_PARTS = insertFrom(
  'operation_parts',
  OPERATION_PART_COLUMNS,
  `(operation_id, partition) do update set ${OPERATION_PART_COLUMNS.filter((name) => !PART_KEY.includes(name))
    .map((name) => `"${name}" = excluded."${name}"`)
    .join(', ')}`,
)

function insertFrom(table: string, columns: readonly string[], onConflict: string): string {
  return `insert into ${table}(${quoted(columns)}) select ${quoted(columns)} from ${recordset(columns, '$1')} on conflict ${onConflict}`
}

export async function writeOperations(client: ClientBase, changes: readonly OperationChange[]): Promise<void> {
  const started: Value[][] = []
  const parts = new Map<string, Value[]>()
  const items: Value[][] = []
  for (const { event, partition, offset } of changes) {
    if (event.kind === 'OperationStarted') {
      started.push(operationValues(event, offset))
      continue
    }
    // the latest counts
    parts.set(`${event.operationId}/${partition}`, operationPartValues(event, partition))
    items.push(...operationItemValues(event, partition, offset))
  }
  await send(client, INSERT, OPERATION_COLUMNS, started)
  await send(client, PUT_PARTS, OPERATION_PART_COLUMNS, [...parts.values()])
  await send(client, INSERT_ITEMS, OPERATION_ITEM_COLUMNS, items)
}

async function send(client: ClientBase, statement: string, columns: readonly string[], rows: readonly Value[][]) {
  if (rows.length > 0) await client.query(statement, [recordsJson(columns, rows)])
}
