/**
 * Time that passes only when nothing is left to do: timers fire in order, at once. Callbacks of one instant run in the order in which they were asked
 * for, so that the same work always gives the same history.
 */
import type { Environment } from './environment.ts'
import { SeededRandom } from './task/seeded-random.ts'

interface Timer {
  readonly dueMs: number
  readonly order: number
  readonly callback: () => void
  cancelled: boolean
}

export class VirtualTime {
  readonly environment: Environment
  readonly #host: Pick<Environment, 'soon'>
  readonly #startMs: number
  #nowMs = 0
  #order = 0
  #ready: Timer[] = []
  /** A heap, the earliest first. */
  readonly #timers: Timer[] = []

  /** `host` lets pending promises go on; `startMs` is the wall clock's begin. */
  constructor(host: Pick<Environment, 'soon'>, startMs: number, seed: number) {
    const random = new SeededRandom()
    random.seed(seed, 0)
    this.#host = host
    this.#startMs = startMs
    this.environment = {
      now: () => this.#startMs + Math.floor(this.#nowMs),
      monotonic: () => this.#nowMs,
      after: (ms, callback) => this.#after(ms, callback),
      soon: (callback) => void this.#after(0, callback),
      randomU32: () => random.next(),
    }
  }

  /** Virtual milliseconds since the start. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Runs what is due now, a round of it; false if nothing is. */
  async runDue(): Promise<boolean> {
    while (this.#timers.length > 0 && this.#timers[0]!.dueMs <= this.#nowMs) this.#ready.push(this.#pop())
    const round = this.#ready.filter(({ cancelled }) => !cancelled)
    this.#ready = []
    for (const timer of round) if (!timer.cancelled) timer.callback()
    if (round.length > 0) await this.settle()
    return round.length > 0
  }

  /** Goes to the next instant at which something is due; false if there is none. */
  advance(): boolean {
    while (this.#timers[0]?.cancelled) this.#pop()
    const next = this.#timers[0]
    if (next === undefined) return false
    this.#nowMs = Math.max(this.#nowMs, next.dueMs)
    return true
  }

  /** Lets all promises go on that can, however long their chains are. */
  settle(): Promise<void> {
    return new Promise((resolve) => this.#host.soon(resolve))
  }

  #after(ms: number, callback: () => void): () => void {
    const wait = Math.max(ms, 0)
    const timer: Timer = { dueMs: this.#nowMs + wait, order: this.#order++, callback, cancelled: false }
    if (wait === 0) this.#ready.push(timer)
    else this.#push(timer)
    return () => {
      timer.cancelled = true
    }
  }

  #push(timer: Timer): void {
    const heap = this.#timers
    let at = heap.length
    heap.push(timer)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(timer, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = timer
  }

  #pop(): Timer {
    const heap = this.#timers
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}

const before = (a: Timer, b: Timer): boolean => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order)
