/**
 * How much of a process's time its tasks may spend on new submissions. While submissions arrive faster than they could be worked off anyway,
 * taking them in (durably, on `ingest`) goes before beginning them: their decision gets a fixed share of the time, so that it is slowed down but never
 * stopped. What was begun is not held back. Shared by the tasks of a process.
 */
import type { Environment } from '../environment.ts'

/** Submissions per window from which on intake counts as hot: 5,000 a second. */
const HOT_ARRIVALS = 100
const WINDOW_MS = 20
/** Share of the time for decisions on `ingest` while intake is hot. */
const HOT_SHARE = 0.2
/** Unused share that may be saved up, milliseconds. */
const SAVED_MS = 4

export class Intake {
  readonly #environment: Environment
  #windowStart = Number.NEGATIVE_INFINITY
  #arrivals = 0
  #hotUntil = Number.NEGATIVE_INFINITY
  #allowanceMs = SAVED_MS
  #refilledAt = 0

  constructor(environment: Environment) {
    this.#environment = environment
  }

  /** A submission has come in. */
  arrived(): void {
    const now = this.#environment.monotonic()
    if (now - this.#windowStart > WINDOW_MS) {
      this.#windowStart = now
      this.#arrivals = 0
    }
    if (++this.#arrivals >= HOT_ARRIVALS) this.#hotUntil = now + 2 * WINDOW_MS
  }

  /** Milliseconds that may be spent on `ingest` now; not positive: come back after {@link retryMs}. */
  allowanceMs(): number {
    const now = this.#environment.monotonic()
    if (now >= this.#hotUntil) {
      // What is spent now is free: a debt made here would stop decisions for as long once intake gets hot
      this.#allowanceMs = SAVED_MS
      this.#refilledAt = now
      return Number.POSITIVE_INFINITY
    }
    this.#allowanceMs = Math.min(SAVED_MS, this.#allowanceMs + (now - this.#refilledAt) * HOT_SHARE)
    this.#refilledAt = now
    return this.#allowanceMs
  }

  spent(ms: number): void {
    this.#allowanceMs -= ms
  }

  /** When to ask again after there was no allowance. */
  get retryMs(): number {
    return Math.max(1, -this.#allowanceMs / HOT_SHARE)
  }
}
