/**
 * When transactions should be rarer. One takes about 2 ms of the brokers' CPU and half a one of the process's, be it of one record or of hundreds; so where
 * commits are slow because the cores are short, making fewer of them is what helps, and what gathers meanwhile shares the next one. While little is
 * written, or commits are quick, there is nothing to save and nobody waits.
 *
 * Large records take the cores by their bytes, long before there are many of them. Then more is saved, and fetches rest as well: what it
 * leaves goes to those who submit. With small records that would only make runs wait for one another. Commits of progress always rest a little.
 */
import type { Environment } from '../../topology/environment.ts'

/** Records and rows a second in the transactions of all tasks of the process, from which on it counts: about 300 runs of one step, 16 each. */
const BUSY_RATE = 5_000
/** Bytes of one on average from which on they are large. A run of one step with an input of 64 KiB has 4,000. */
const LARGE_BYTES = 2_000
const WINDOW_MS = 500
/** A commit that takes no longer has not waited for anybody. */
const QUICK_MS = 8
/** A rest is so many times what a commit took longer, and never longer than the most. */
const REST = { times: 1, mostMs: 40 } as const
const REST_LARGE = { times: 2, mostMs: 60 } as const
const GATHER_MS = 15
/** Commits of progress cost the broker as much as any append: what gathers in so long shares one. The next results of a partition wait for it, so not longer. */
const PROGRESS_MS = 5
/** Weight of the latest commit in the mean. */
const LATEST = 0.1

type Written = 'little' | 'much' | 'large'

export class Pace {
  readonly #environment: Environment
  #windowStart = Number.NEGATIVE_INFINITY
  #records = 0
  #bytes = 0
  #written: Written = 'little'
  #meanMs = 0

  constructor(environment: Environment) {
    this.#environment = environment
  }

  /** Milliseconds for which a task should leave its next commit after one that took `tookMs` and wrote `records` of `bytes` in all; 0..60. */
  restAfter(tookMs: number, records: number, bytes: number): number {
    this.#count(records, bytes)
    this.#meanMs += (tookMs - this.#meanMs) * LATEST
    if (this.#written === 'little') return 0
    const { times, mostMs } = this.#written === 'large' ? REST_LARGE : REST
    return Math.min(mostMs, Math.max(0, tookMs - QUICK_MS) * times)
  }

  /** Milliseconds for which a fetch should be left after one; 0..15. */
  get gatherMs(): number {
    return this.#written === 'large' && this.#meanMs > QUICK_MS ? GATHER_MS : 0
  }

  /** The same for a commit of progress; 5..15. */
  get progressMs(): number {
    return Math.max(PROGRESS_MS, this.gatherMs)
  }

  #count(records: number, bytes: number): void {
    const now = this.#environment.monotonic()
    const ms = now - this.#windowStart
    if (ms >= WINDOW_MS) {
      const isMuch = this.#records * 1_000 >= BUSY_RATE * ms
      const isLarge = this.#bytes >= LARGE_BYTES * this.#records
      this.#written = !isMuch ? 'little' : isLarge ? 'large' : 'much'
      this.#windowStart = now
      this.#records = 0
      this.#bytes = 0
    }
    this.#records += records
    this.#bytes += bytes
  }
}
