/**
 * Whether a question is worth looking for new events first. Each look is a transaction, and the smaller the batches, the more runs are written in several of them, so that
 * twenty lists a second made the projection twice as dear while much happens. Then lists answer from what was applied a moment ago; they say as of when.
 */
import type { Question } from '../queries/read-queries.ts'

/** More events than this in one look: much is happening. */
export const MANY_EVENTS = 500
/** What a list may lag behind while much happens, in milliseconds: no longer than between two looks anyway. */
export const MAX_LAG_MS = 100

/** Questions that may be answered from what was applied a moment ago. */
export const LISTS: ReadonlySet<string> = new Set<Question>([
  'listRuns',
  'countRuns',
  'letters',
  'letterGroups',
  'tenants',
  'counts',
])

export class Freshness {
  readonly #monotonic: () => number
  #many = false
  #lookedAt = Number.NEGATIVE_INFINITY

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic
  }

  /** A look has applied so many events. */
  looked(events: number): void {
    this.#many = events > MANY_EVENTS
    this.#lookedAt = this.#monotonic()
  }

  /** What was applied last is good enough for lists, and for what cannot change any more. */
  get suffices(): boolean {
    return this.#many && this.#monotonic() - this.#lookedAt < MAX_LAG_MS
  }
}
