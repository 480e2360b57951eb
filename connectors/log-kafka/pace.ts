/**
 * When transactions should be rarer. One takes about 2 ms of the brokers' CPU and half a one of the process's, be it of one record or of hundreds; so where
 * commits are slow because the cores are short, making fewer of them is what helps, and what gathers meanwhile shares the next one. While little is
 * written, or commits are quick, there is nothing to save and nobody waits.
 */
import type { Environment } from '../../topology/environment.ts'

/** Records and rows a second in the transactions of all tasks of the process, from which on it counts: about 300 runs of one step, 16 each. */
const BUSY_RATE = 5_000
const WINDOW_MS = 500
/** A commit that takes no longer has not waited for anybody. */
const QUICK_MS = 8
const MOST_MS = 40

export class Pace {
  readonly #environment: Environment
  #windowStart = Number.NEGATIVE_INFINITY
  #records = 0
  #busy = false

  constructor(environment: Environment) {
    this.#environment = environment
  }

  /** Milliseconds for which a task should leave its next commit after one that took `tookMs` and wrote `records`; 0..40. */
  restAfter(tookMs: number, records: number): number {
    this.#count(records)
    return this.#busy ? Math.min(MOST_MS, Math.max(0, tookMs - QUICK_MS)) : 0
  }

  #count(records: number): void {
    const now = this.#environment.monotonic()
    const ms = now - this.#windowStart
    if (ms >= WINDOW_MS) {
      this.#busy = this.#records * 1_000 >= BUSY_RATE * ms
      this.#windowStart = now
      this.#records = 0
    }
    this.#records += records
  }
}
