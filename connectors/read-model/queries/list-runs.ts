/** Lists and counts of runs. */
import { sql } from 'kysely'
import type { TenantId } from '../../../schemas/ids.ts'
import type { RunCounts, RunFilter, RunPage, RunQuery, TenantsPage } from '../../../topology/read-model/lists.ts'
import { type ReadModelCounts, RUN_STATUSES, type RunStatus } from '../../../topology/read-model/port.ts'
import { runKey } from '../rows.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { runWalk } from './run-walk.ts'
import type { Snapshot } from './snapshot.ts'
import { runSummary, SUMMARY_COLUMNS, type SummaryRow } from './views.ts'
import { type Db, type Key, type WalkPage, walkCounts, walkPage } from './walk.ts'

export async function listRuns({ db, asOf }: Snapshot, query: RunQuery): Promise<RunPage> {
  const { filter, order, limit, cursor } = query
  const identity = { list: 'runs', filter, order }
  const after = cursor === null ? null : await placeToKey(db, order, decodeCursor(identity, cursor))
  const page = await walkPage(await runWalk(db, filter), { order, after, limit })
  const rows = await rowsOf(db, page)
  const last = page.end === null ? null : rows.get(page.end.n)
  return {
    runs: page.keys.map(({ n }) => runSummary(rows.get(n)!)),
    next: last === null ? null : encodeCursor(identity, { ms: page.end!.ms, id: last!.run_id }),
    cutShort: page.cutShort,
    asOf,
  }
}

/** By number. */
async function rowsOf(db: Db, { keys, end }: WalkPage): Promise<Map<number, SummaryRow>> {
  const numbers = new Set(keys.map(({ n }) => n))
  if (end !== null) numbers.add(end.n)
  if (numbers.size === 0) return new Map()
  const rows = await db
    .selectFrom('runs')
    .select(SUMMARY_COLUMNS)
    .where('n', 'in', [...numbers])
    .execute()
  return new Map(rows.map((row) => [row.n, row]))
}

/** A run that has gone since leaves its time: the page may then repeat runs of that millisecond, and misses none. */
async function placeToKey(db: Db, order: RunQuery['order'], { ms, id }: { ms: number; id: string }): Promise<Key> {
  const [row] = await db
    .selectFrom('runs')
    .select('n')
    .where('run_key', '=', runKey(id))
    .where('run_id', '=', id)
    .execute()
  return { ms, n: row?.n ?? (order === 'newest' ? Number.MAX_SAFE_INTEGER : 0) }
}

export function noRuns(): { [S in RunStatus]: number } {
  return Object.fromEntries(RUN_STATUSES.map((status) => [status, 0])) as { [S in RunStatus]: number }
}

const total = sql<number>`cast(sum(count) as bigint)`

/** Exact without a look at the runs where the filter asks for nothing but flow, version and status; else a bounded number of runs is looked at. */
export async function countRuns({ db, asOf }: Snapshot, filter: RunFilter): Promise<RunCounts> {
  const counts = noRuns()
  const kept = keptCounts(db, filter)
  if (kept !== null) {
    for (const { status, count } of await kept.execute()) counts[status as RunStatus] = count
    return { counts, complete: true, asOf }
  }
  const walk = await runWalk(db, filter)
  const found = await walkCounts(walk, walk.toRuns)
  for (const { status, count } of found.counts) counts[status as RunStatus] = count
  return { counts, complete: !found.cutShort, asOf }
}

function keptCounts(db: Db, filter: RunFilter) {
  const { tenant, flow, version, status, ...rest } = filter
  const { waitingFor, waitingStep, accepted, finished, metadata, errorCode } = rest
  const more = [waitingFor, waitingStep, accepted, finished, errorCode].some((part) => part !== null)
  if (more || metadata.length > 0) return null
  let query = db.selectFrom('run_counts').where('tenant', '=', tenant)
  if (flow !== null) query = query.where('flow', '=', flow)
  if (version !== null) query = query.where('version', '=', version)
  if (status !== null) query = query.where('status', '=', status)
  return query.groupBy('status').select(['status', total.as('count')])
}

export async function countAllRuns(db: Db): Promise<ReadModelCounts['runs']> {
  const counts = noRuns()
  const rows = await db
    .selectFrom('run_counts')
    .groupBy('status')
    .select(['status', total.as('count')])
    .execute()
  for (const { status, count } of rows) counts[status as RunStatus] = count
  return counts
}

/** Tenants that have runs, by name, after `after`. */
export async function listTenants({ db, asOf }: Snapshot, after: TenantId | null, limit: number): Promise<TenantsPage> {
  let names = db.selectFrom('run_counts').select('tenant').distinct().where('count', '>', 0)
  if (after !== null) names = names.where('tenant', '>', after)
  const rows = await names
    .orderBy('tenant')
    .limit(limit + 1)
    .execute()
  const more = rows.length > limit
  const shown = rows.slice(0, limit).map(({ tenant }) => ({ tenant: tenant as TenantId, runs: noRuns() }))
  if (shown.length === 0) return { tenants: [], more, asOf }
  const byTenant = new Map(shown.map((entry) => [entry.tenant as string, entry]))
  const counted = await db
    .selectFrom('run_counts')
    .where('tenant', 'in', [...byTenant.keys()])
    .groupBy(['tenant', 'status'])
    .select(['tenant', 'status', total.as('count')])
    .execute()
  for (const { tenant, status, count } of counted) byTenant.get(tenant)!.runs[status as RunStatus] = count
  return { tenants: shown, more, asOf }
}
