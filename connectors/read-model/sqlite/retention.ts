/** Lets finished runs, resolved letters and ended operations go, a few at a time. */
import type { DatabaseSync } from 'node:sqlite'
import type { EpochMs } from '../../../schemas/ids.ts'
import { LOOKS_PER_ROUND, type RetentionOptions, RUNS_AT_ONCE } from '../retention.ts'
import { CountChanges } from '../rows.ts'

/** One look at what may go, within the caller's transaction. */
export type Retain = (latestMs: EpochMs) => void

interface RunRow {
  readonly n: number
  readonly partition: number
  readonly tenant: string
  readonly flow: string
  readonly version: number
  readonly status: string
  readonly finished_at_ms: number | null
}

export function createRetention(database: DatabaseSync, options: RetentionOptions): Retain {
  // Numbers are given in order of projection, which is near enough to order of age.
  const oldest = database.prepare(`SELECT n, partition, tenant, flow, version, status, finished_at_ms
    FROM runs WHERE n > ? ORDER BY n LIMIT ${RUNS_AT_ONCE}`)
  const total = database.prepare('SELECT coalesce(sum(count), 0) AS count FROM run_counts')
  const removals = [
    'steps WHERE run_n',
    'failed_attempts WHERE run_n',
    'run_metadata WHERE run_n',
    'large_inputs WHERE run_n',
    'runs WHERE n',
  ].map((rest) => database.prepare(`DELETE FROM ${rest} = ?`))
  const count = database.prepare(`UPDATE run_counts SET count = count + ?6
    WHERE partition = ?1 AND tenant = ?2 AND flow = ?3 AND version = ?4 AND status = ?5`)
  const removeLetters = createLetterRetention(database)
  const removeOperations = createOperationRetention(database)
  let from = 0
  let looks = 0
  return (latestMs) => {
    if (++looks % LOOKS_PER_ROUND === 0) from = 0
    const oldestMs = latestMs - options.maxAgeMs
    let runs = Number(total.get()!.count)
    const counts = new CountChanges()
    for (const row of oldest.all(from) as unknown as RunRow[]) {
      if (row.finished_at_ms !== null) {
        if (runs <= options.maxRuns && row.finished_at_ms >= oldestMs) break
        for (const statement of removals) statement.run(row.n)
        counts.add(row, row.status, -1)
        runs--
      }
      from = row.n
    }
    for (const row of counts.rows()) count.run(...row)
    removeLetters(oldestMs)
    removeOperations(oldestMs)
  }
}

/** One operation at a time, its items first. */
function createOperationRetention(database: DatabaseSync): (oldestMs: EpochMs) => void {
  const old = database.prepare(`SELECT operation_id FROM operations WHERE started_at_ms < ?1 AND NOT EXISTS (
    SELECT 1 FROM operation_parts AS part WHERE part.operation_id = operations.operation_id
      AND (part.state = 'running' OR part.at_ms >= ?1)) LIMIT 1`)
  const removeItems = database.prepare(`DELETE FROM operation_items WHERE (operation_id, at_ms, place) IN (
    SELECT operation_id, at_ms, place FROM operation_items WHERE operation_id = ? LIMIT ${RUNS_AT_ONCE})`)
  const removals = ['operation_parts', 'operations'].map((table) =>
    database.prepare(`DELETE FROM ${table} WHERE operation_id = ?`),
  )
  return (oldestMs) => {
    const id = old.get(oldestMs)?.operation_id
    if (id === undefined || Number(removeItems.run(id).changes) === RUNS_AT_ONCE) return
    for (const statement of removals) statement.run(id)
  }
}

function createLetterRetention(database: DatabaseSync): (oldestMs: EpochMs) => void {
  const old = database.prepare(`SELECT n, tenant, fingerprint, status FROM letters
    WHERE status <> 'open' AND resolved_at_ms < ? ORDER BY resolved_at_ms LIMIT ${RUNS_AT_ONCE}`)
  const remove = database.prepare('DELETE FROM letters WHERE n = ?')
  const leave = database.prepare(`UPDATE letter_groups SET replayed = replayed - (?1 = 'replayed'),
    discarded = discarded - (?1 = 'discarded') WHERE tenant = ?2 AND fingerprint = ?3`)
  const removeGroup = database.prepare(
    'DELETE FROM letter_groups WHERE tenant = ? AND fingerprint = ? AND open + replayed + discarded <= 0',
  )
  return (oldestMs) => {
    for (const { n, tenant, fingerprint, status } of old.all(oldestMs)) {
      remove.run(n!)
      leave.run(status!, tenant!, fingerprint!)
      removeGroup.run(tenant!, fingerprint!)
    }
  }
}
