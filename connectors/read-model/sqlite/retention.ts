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

const RUNS_AT_ONCE = 1000

/** Removes up to 1000 runs; returns how many. To be called within a transaction. */
export function createRetention(database: DatabaseSync, options: RetentionOptions): (latestMs: EpochMs) => number {
  // Numbers are given in order of projection, which is near enough to order of age to look only at the lowest.
  const lowest = database.prepare(`SELECT n, finished_at_ms FROM runs
    WHERE status NOT IN ('accepted', 'running') ORDER BY n LIMIT ${RUNS_AT_ONCE}`)
  const newest = database.prepare('SELECT coalesce(max(n), 0) AS n FROM runs')
  const newestNumber = (): number => Number(newest.get()?.n)
  const removals = ['steps WHERE run_n = ?', 'failed_attempts WHERE run_n = ?', 'runs WHERE n = ?'].map((rest) =>
    database.prepare(`DELETE FROM ${rest}`),
  )
  const letters = database.prepare(`DELETE FROM letters WHERE status <> 'open' AND resolved_at_ms < ?`)
  // Counting is slow in a large table: done once, then kept up by the numbers given since.
  let count = Number(database.prepare('SELECT count(*) AS count FROM runs').get()?.count)
  let known = newestNumber()
  return (latestMs) => {
    count += newestNumber() - known
    const oldestMs = latestMs - options.maxAgeMs
    const removed: number[] = []
    for (const row of lowest.iterate()) {
      if (count - removed.length <= options.maxRuns && Number(row.finished_at_ms) >= oldestMs) break
      removed.push(Number(row.n))
    }
    for (const n of removed) for (const statement of removals) statement.run(n)
    if (removed.length > 0) letters.run(oldestMs)
    count -= removed.length
    known = newestNumber()
    return removed.length
  }
}
