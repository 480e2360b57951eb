/** Time and randomness come in through here, so that simulation and the dry run can supply their own. */

export interface Environment {
  /** Wall clock, milliseconds since the epoch; may jump. */
  now(): number
  /** Milliseconds from an arbitrary start; never goes back. */
  monotonic(): number
  /** Calls back once after at least `ms`. */
  after(ms: number, callback: () => void): Cancel
  /** Calls back soon, after pending IO was given a chance. */
  soon(callback: () => void): void
  /** 32 random bits. */
  randomU32(): number
}

export type Cancel = () => void
