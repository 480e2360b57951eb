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
/** What holds everybody up for a moment (the disk, memory that is collected) does not end a rush: after a pause of so large a part of its length it is over. */
const PAUSE_PART = 1 / 4
const MOST_PAUSE_MS = 1_000
/** Share of the time for decisions on `ingest` while intake is hot: the least up to a backlog of half its bound, rising to the most just below the bound. */
const LEAST_SHARE = 0.01
const MOST_SHARE = 0.9
const RISE_FROM = 0.5
const RISE_TO = 0.95
/** Unused share that may be saved up, milliseconds. */
const SAVED_MS = 4
/** No decisions take longer: more was a process that stood still, and is not held against them, or none would be made for a hundred times as long. */
const MOST_SPENT_MS = 50
/** The rush may be over by then. */
const MOST_RETRY_MS = 20

/** Or, on a machine that is slower than that: submissions a second, of which decisions that had all the time they wanted left so large a part, in this time, beyond this many. */
const LEAST_RATE = 1_500
const LEFT_PART = 1 / 3
const WATCH_MS = 500
const LEAST_LEFT = 1_000
/** Then intake counts as hot for so long, and it is looked again. */
const RUSH_MS = 4_000

export class Intake {
  readonly #environment: Environment
  #windowStart = Number.NEGATIVE_INFINITY
  #arrivals = 0
  /** Since when it is watched whether decisions keep up, what has arrived since, and how many waited then. */
  #watch = { from: Number.NEGATIVE_INFINITY, arrivals: 0, waiting: 0 }
  #hotSince = Number.NEGATIVE_INFINITY
  #hotUntil = Number.NEGATIVE_INFINITY
  #allowanceMs = SAVED_MS
  #refilledAt = 0
  #share = LEAST_SHARE

  constructor(environment: Environment) {
    this.#environment = environment
  }

  /** Submissions have come in, while `waiting` of `most` that may wait are not decided. */
  arrived(waiting: number, most: number, submissions = 1): void {
    this.#share = shareAt(waiting / most)
    const now = this.#environment.monotonic()
    if (now - this.#windowStart > WINDOW_MS) {
      this.#windowStart = now
      this.#arrivals = 0
    }
    this.#arrivals += submissions
    if (now >= this.#hotUntil) this.#hotSince = now
    if (this.#fallsBehind(now, waiting, submissions)) this.#hotUntil = now + RUSH_MS
    if (this.#arrivals < HOT_ARRIVALS) return
    // many that come as one stand for as long as they would have taken to come one by one
    const standsForMs = Math.min(MOST_HOT_MS, (submissions / HOT_ARRIVALS) * WINDOW_MS)
    const pauseMs = Math.min(MOST_PAUSE_MS, (now - this.#hotSince) * PAUSE_PART)
    this.#hotUntil = Math.max(this.#hotUntil, now + 2 * WINDOW_MS + Math.max(standsForMs, pauseMs))
  }

  /** Whether decisions, unhindered, were left behind by what came in since the watch began. */
  #fallsBehind(now: number, waiting: number, submissions: number): boolean {
    const { from, arrivals, waiting: before } = this.#watch
    const ms = now - from
    const isHot = now < this.#hotUntil
    if (!isHot && ms < WATCH_MS) {
      this.#watch.arrivals += submissions
      return false
    }
    this.#watch = { from: now, arrivals: submissions, waiting }
    // a watch that nothing ended for long tells of calm
    if (isHot || ms > 2 * WATCH_MS || waiting < LEAST_LEFT) return false
    return arrivals >= (LEAST_RATE * ms) / 1_000 && waiting - before >= arrivals * LEFT_PART
  }

  /** Whether submissions pour in. */
  get isHot(): boolean {
    return this.#environment.monotonic() < this.#hotUntil
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
    this.#allowanceMs -= Math.min(ms, MOST_SPENT_MS)
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
