/** Lets finished runs go, a few at a time, so that no batch is held up for long. Time is that of the latest event, not of a clock. */
import type { DatabaseSync } from 'node:sqlite'
import type { EpochMs } from '../../../schemas/ids.ts'

export interface RetentionOptions {
  /** Finished runs and resolved letters older than this go. Default 7 days. */
  readonly maxAgeMs: number
  /** Beyond this many runs the oldest finished ones go. Default 1,000,000. */
  readonly maxRuns: number
}

export const DEFAULT_RETENTION: RetentionOptions = { maxAgeMs: 7 * 24 * 3_600_000, maxRuns: 1_000_000 }

const RUNS_AT_ONCE = 500

/** Removes up to 500 runs; returns how many. To be called within a transaction. */
export function createRetention(database: DatabaseSync, options: RetentionOptions): (latestMs: EpochMs) => number {
  const finished = `status NOT IN ('accepted', 'running')`
  // Numbers are given in order of projection, which is near enough to order of age to look only at the lowest.
  const lowest = database.prepare(
    `SELECT n, finished_at_ms FROM runs WHERE ${finished} ORDER BY n LIMIT ${RUNS_AT_ONCE}`,
  )
  const span = database.prepare('SELECT count(*) AS count FROM runs')
  const statements = ['steps WHERE run_n = ?', 'failed_attempts WHERE run_n = ?', 'runs WHERE n = ?'].map((rest) =>
    database.prepare(`DELETE FROM ${rest}`),
  )
  const letters = database.prepare(`DELETE FROM letters WHERE status <> 'open' AND resolved_at_ms < ?`)
  let count = Number(span.get()?.count)
  let known = 0
  return (latestMs) => {
    // Counting is slow in a large table: done once, then estimated by the number of the newest run.
    const newest = Number(database.prepare('SELECT coalesce(max(n), 0) AS n FROM runs').get()?.n)
    count += known === 0 ? 0 : newest - known
    known = newest
    let excess = count - options.maxRuns
    const oldest = latestMs - options.maxAgeMs
    let removed = 0
    for (const row of lowest.all()) {
      if (excess <= 0 && Number(row.finished_at_ms) >= oldest) continue
      for (const statement of statements) statement.run(row.n as number)
      excess--
      removed++
    }
    if (removed > 0) letters.run(oldest)
    count -= removed
    return removed
  }
}
