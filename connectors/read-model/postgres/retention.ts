/** Lets finished runs, resolved letters and ended operations go, a few at a time. Safe for several that do so at once: what is counted is what was removed. */
import type { ClientBase } from 'pg'
import type { EpochMs } from '../../../schemas/ids.ts'
import { LOOKS_PER_ROUND, type RetentionOptions, RUNS_AT_ONCE } from '../retention.ts'
import { CountChanges, type OpenRun } from '../rows.ts'
import { rowsOf } from './connection.ts'
import { writeCounts } from './write.ts'

/** One look at what may go, within the caller's transaction. */
export type Retain = (client: ClientBase, latestMs: EpochMs) => Promise<void>

export function createRetention(options: RetentionOptions): Retain {
  let from = 0
  let looks = 0
  return async (client, latestMs) => {
    if (++looks % LOOKS_PER_ROUND === 0) from = 0
    const oldestMs = latestMs - options.maxAgeMs
    const [total] = await rowsOf<{ count: number }>(
      client,
      'select coalesce(sum(count), 0)::bigint as count from run_counts',
    )
    const { old, last } = choose(await oldest(client, from), total!.count, options.maxRuns, oldestMs)
    if (last !== null) from = last
    if (old.length > 0) await removeRuns(client, old)
    await removeLetters(client, oldestMs)
    await removeOperations(client, oldestMs)
  }
}

interface OldRun {
  readonly n: number
  readonly finished_at_ms: number | null
}

/** Numbers are given in order of projection, which is near enough to order of age. */
function oldest(client: ClientBase, from: number): Promise<OldRun[]> {
  return rowsOf(client, `select n, finished_at_ms from runs where n > $1 order by n limit ${RUNS_AT_ONCE}`, [from])
}

function choose(rows: readonly OldRun[], total: number, maxRuns: number, oldestMs: EpochMs) {
  const old: number[] = []
  let last: number | null = null
  for (const { n, finished_at_ms: finishedAtMs } of rows) {
    if (finishedAtMs !== null) {
      if (total - old.length <= maxRuns && finishedAtMs >= oldestMs) break
      old.push(n)
    }
    last = n
  }
  return { old, last }
}

async function removeRuns(client: ClientBase, numbers: readonly number[]): Promise<void> {
  for (const table of ['steps', 'failed_attempts', 'run_metadata']) {
    await client.query(`delete from ${table} where run_n = any($1::bigint[])`, [numbers])
  }
  const removed = await rowsOf<OpenRun>(
    client,
    'delete from runs where n = any($1::bigint[]) returning partition, tenant, flow, version, status',
    [numbers],
  )
  const counts = new CountChanges()
  for (const run of removed) counts.add(run, run.status, -1)
  await writeCounts(client, counts)
}

async function removeLetters(client: ClientBase, oldestMs: EpochMs): Promise<void> {
  const removed = await rowsOf(
    client,
    `with old as (delete from letters where n in (select n from letters where status <> 'open' and resolved_at_ms < $1
        order by resolved_at_ms limit ${RUNS_AT_ONCE}) returning tenant, fingerprint, status)
      update letter_groups as own set replayed = own.replayed - gone.replayed, discarded = own.discarded - gone.discarded
      from (select tenant, fingerprint, count(*) filter (where status = 'replayed') as replayed,
          count(*) filter (where status = 'discarded') as discarded from old group by tenant, fingerprint) as gone
      where own.tenant = gone.tenant and own.fingerprint = gone.fingerprint
      returning own.tenant, own.fingerprint`,
    [oldestMs],
  )
  if (removed.length > 0) await client.query('delete from letter_groups where open + replayed + discarded <= 0')
}

/** One operation at a time, its items first. */
async function removeOperations(client: ClientBase, oldestMs: EpochMs): Promise<void> {
  const [old] = await rowsOf<{ operation_id: string }>(
    client,
    `select operation_id from operations where started_at_ms < $1 and not exists (
      select 1 from operation_parts as part where part.operation_id = operations.operation_id
        and (part.state = 'running' or part.at_ms >= $1)) limit 1`,
    [oldestMs],
  )
  if (old === undefined) return
  const removed = await client.query(
    `delete from operation_items where (operation_id, at_ms, place) in (
      select operation_id, at_ms, place from operation_items where operation_id = $1 limit ${RUNS_AT_ONCE})`,
    [old.operation_id],
  )
  if (removed.rowCount === RUNS_AT_ONCE) return
  await client.query('delete from operation_parts where operation_id = $1', [old.operation_id])
  await client.query('delete from operations where operation_id = $1', [old.operation_id])
}
