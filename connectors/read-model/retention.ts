/** How long the read model keeps what is over. Time is that of the latest event, not of a clock. */

export interface RetentionOptions {
  /** Finished runs and resolved letters older than this go. Default 7 days. */
  readonly maxAgeMs: number
  /** Beyond this many runs the oldest finished ones go. Default 1,100,000. */
  readonly maxRuns: number
}

export const DEFAULT_RETENTION: RetentionOptions = { maxAgeMs: 7 * 24 * 3_600_000, maxRuns: 1_100_000 }

/** Batches between two looks at what may go. */
export const RETENTION_EVERY = 16
/** Runs looked at, and at most removed, in one go, so that no batch is held up for long. */
export const RUNS_AT_ONCE = 1000
/** A look goes on where the last one ended; so often it begins again, since runs that were live may have ended. */
export const LOOKS_PER_ROUND = 64
