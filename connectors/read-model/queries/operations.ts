/** Bulk operations and their items. */
import { type Selectable, sql } from 'kysely'
import type { RunId, TenantId } from '../../../schemas/ids.ts'
import type { JsonText } from '../../../schemas/json.ts'
import type { OperationAction } from '../../../schemas/records/operations.ts'
import type {
  ItemOutcome,
  OperationItemPage,
  OperationItemQuery,
  OperationPage,
  OperationQuery,
  OperationView,
} from '../../../topology/read-model/operations.ts'
import type { RunStatus } from '../../../topology/read-model/port.ts'
import { runKey } from '../rows.ts'
import type { OperationItemsTable, OperationPartsTable, OperationsTable } from '../tables.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import type { Snapshot } from './snapshot.ts'
import type { Db } from './walk.ts'

export async function getOperation(
  { db }: Snapshot,
  tenant: TenantId,
  operationId: string,
): Promise<OperationView | null> {
  const rows = await db
    .selectFrom('operations')
    .selectAll()
    .where('operation_id', '=', operationId)
    .where('tenant', '=', tenant)
    .execute()
  const [view] = await viewsOf(db, rows)
  return view ?? null
}

export async function listOperations({ db, asOf }: Snapshot, query: OperationQuery): Promise<OperationPage> {
  const { tenant, action, limit, cursor } = query
  const identity = { list: 'operations', tenant, action }
  let rows = db.selectFrom('operations').selectAll().where('tenant', '=', tenant)
  if (action !== null) rows = rows.where('action', '=', action)
  if (cursor !== null) {
    const { ms, id } = decodeCursor(identity, cursor)
    rows = rows.where(sql<boolean>`(started_at_ms, operation_id) < (${ms}, ${id})`)
  }
  const found = await rows
    .orderBy('started_at_ms', 'desc')
    .orderBy('operation_id', 'desc')
    .limit(limit + 1)
    .execute()
  const shown = found.slice(0, limit)
  const last = shown.at(-1)
  const more = found.length > limit && last !== undefined
  return {
    operations: await viewsOf(db, shown),
    next: more ? encodeCursor(identity, { ms: last.started_at_ms, id: last.operation_id }) : null,
    asOf,
  }
}

export async function listOperationItems(
  { db, asOf }: Snapshot,
  query: OperationItemQuery,
): Promise<OperationItemPage | null> {
  const { tenant, operationId, outcome, limit, cursor } = query
  const operation = await getOperation({ db, asOf }, tenant, operationId)
  if (operation === null) return null
  const identity = { list: 'operation-items', operationId, outcome }
  let rows = db.selectFrom('operation_items').selectAll().where('operation_id', '=', operationId)
  if (outcome !== null) rows = rows.where('outcome', '=', outcome)
  if (cursor !== null) {
    const { ms, id } = decodeCursor(identity, cursor)
    rows = rows.where(sql<boolean>`(at_ms, place) > (${ms}, ${id})`)
  }
  const found = await rows
    .orderBy('at_ms')
    .orderBy('place')
    .limit(limit + 1)
    .execute()
  const shown = found.slice(0, limit)
  const last = shown.at(-1)
  const more = found.length > limit && last !== undefined
  const statuses = await statusesOf(db, shown)
  return {
    items: shown.map((row) => ({
      id: row.item_id,
      atMs: row.at_ms,
      outcome: row.outcome as ItemOutcome,
      code: row.code,
      newRunId: row.new_run_id as RunId | null,
      runStatus: statuses.get(row.new_run_id ?? row.item_id) ?? null,
    })),
    next: more ? encodeCursor(identity, { ms: last.at_ms, id: last.place }) : null,
    asOf,
  }
}

/** By run id. */
async function statusesOf(
  db: Db,
  items: readonly Selectable<OperationItemsTable>[],
): Promise<ReadonlyMap<string, RunStatus>> {
  const ids = items.map((item) => item.new_run_id ?? item.item_id)
  const keys = ids.map(runKey).filter((key) => key >= 0)
  if (keys.length === 0) return new Map()
  const rows = await db.selectFrom('runs').select(['run_id', 'status']).where('run_key', 'in', keys).execute()
  return new Map(rows.map((row) => [row.run_id, row.status as RunStatus]))
}

async function viewsOf(db: Db, rows: readonly Selectable<OperationsTable>[]): Promise<OperationView[]> {
  if (rows.length === 0) return []
  const ids = rows.map((row) => row.operation_id)
  const parts = await db.selectFrom('operation_parts').selectAll().where('operation_id', 'in', ids).execute()
  const byOperation = Map.groupBy(parts, (part) => part.operation_id)
  return rows.map((row) => viewOf(row, byOperation.get(row.operation_id) ?? []))
}

function viewOf(row: Selectable<OperationsTable>, parts: readonly Selectable<OperationPartsTable>[]): OperationView {
  const sum = (column: 'matched' | 'done' | 'skipped' | 'failed') =>
    parts.reduce((total, part) => total + part[column], 0)
  const ended = parts.length >= row.partitions && parts.every((part) => part.state !== 'running')
  const stopped = parts.some((part) => part.state === 'stopped')
  return {
    operationId: row.operation_id,
    tenant: row.tenant as TenantId,
    action: row.action as OperationAction,
    query: row.query as JsonText,
    requestHash: row.request_hash,
    ratePerSecond: row.rate_per_s,
    requestedBy: row.requested_by,
    reason: row.reason,
    status: ended ? (stopped ? 'stopped' : 'finished') : 'running',
    startedAtMs: row.started_at_ms,
    endedAtMs: ended ? Math.max(...parts.map((part) => part.at_ms)) : null,
    offset: row.first_offset,
    matched: sum('matched'),
    done: sum('done'),
    skipped: sum('skipped'),
    failed: sum('failed'),
  }
}
