/**
 * How much of a process's time its tasks may spend on new submissions. While submissions arrive faster than they could be worked off anyway,
 * taking them in (durably, on `ingest`) goes before beginning them: a burst is accepted at full speed and worked off after it. As the backlog nears its bound,
 * beginning runs gets its time back, so that clients who wait for answers are slowed down smoothly and meet no refusal. What was begun is never held back.
 * Shared by the tasks of a process.
 */
import type { Environment } from '../environment.ts'

/** Submissions per window from which on intake counts as hot: 7,500 a second. */
const HOT_ARRIVALS = 150
const WINDOW_MS = 20
/** The longest that one batch of submissions counts as pouring in. */
const MOST_HOT_MS = 400
/** Share of the time for decisions on `ingest` while intake is hot: the least up to a backlog of half its bound, rising to the most just below the bound. */
const LEAST_SHARE = 0.01
const MOST_SHARE = 0.9
const RISE_FROM = 0.5
const RISE_TO = 0.95
/** Unused share that may be saved up, milliseconds. */
const SAVED_MS = 4
/** The rush may be over by then. */
const MOST_RETRY_MS = 20

export class Intake {
  readonly #environment: Environment
  #windowStart = Number.NEGATIVE_INFINITY
  #arrivals = 0
  #hotUntil = Number.NEGATIVE_INFINITY
  #allowanceMs = SAVED_MS
  #refilledAt = 0
  #share = LEAST_SHARE

  constructor(environment: Environment) {
    this.#environment = environment
  }

  /** Submissions have come in. `backlog`: those not decided yet, as a part of the most that may wait, 0..1. */
  arrived(backlog: number, submissions = 1): void {
    this.#share = shareAt(backlog)
    const now = this.#environment.monotonic()
    if (now - this.#windowStart > WINDOW_MS) {
      this.#windowStart = now
      this.#arrivals = 0
    }
    this.#arrivals += submissions
    if (this.#arrivals < HOT_ARRIVALS) return
    // many that come as one stand for as long as they would have taken to come one by one
    const standsForMs = Math.min(MOST_HOT_MS, (submissions / HOT_ARRIVALS) * WINDOW_MS)
    this.#hotUntil = Math.max(this.#hotUntil, now + 2 * WINDOW_MS + standsForMs)
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
    this.#allowanceMs = Math.min(SAVED_MS, this.#allowanceMs + (now - this.#refilledAt) * this.#share)
    this.#refilledAt = now
    return this.#allowanceMs
  }

  spent(ms: number): void {
    this.#allowanceMs -= ms
  }

  /** When to ask again after there was no allowance. */
  get retryMs(): number {
    return Math.min(MOST_RETRY_MS, Math.max(1, -this.#allowanceMs / this.#share))
  }
}

function shareAt(backlog: number): number {
  const risen = Math.min(1, Math.max(0, (backlog - RISE_FROM) / (RISE_TO - RISE_FROM)))
  return LEAST_SHARE + risen * (MOST_SHARE - LEAST_SHARE)
}
