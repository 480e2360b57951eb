/** Deadlines of many steps on one timer of the environment: a binary heap whose entries know their place. */
import type { Cancel, Environment } from '../environment.ts'

/** Something with a deadline. Only `Deadlines` writes these fields. */
export interface Timed {
  /** Monotonic time. */
  dueAt: number
  /** Place in the heap; -1: not in it. */
  heapIndex: number
}

export class Deadlines<T extends Timed> {
  readonly #environment: Environment
  readonly #expired: (entry: T) => void
  readonly #heap: T[] = []
  #cancel: Cancel | null = null
  #armedFor = Number.POSITIVE_INFINITY

  constructor(environment: Environment, expired: (entry: T) => void) {
    this.#environment = environment
    this.#expired = expired
  }

  get size(): number {
    return this.#heap.length
  }

  /** An entry that has a deadline already gets the new one. */
  add(entry: T, dueAt: number): void {
    this.remove(entry)
    entry.dueAt = dueAt
    entry.heapIndex = this.#heap.length
    this.#heap.push(entry)
    this.#up(entry)
    if (dueAt < this.#armedFor) this.#arm(dueAt)
  }

  remove(entry: T): void {
    const index = entry.heapIndex
    if (index < 0) return
    entry.heapIndex = -1
    const last = this.#heap.pop()!
    if (last === entry) return
    this.#heap[index] = last
    last.heapIndex = index
    this.#up(last)
    this.#down(last)
  }

  clear(): void {
    for (const entry of this.#heap) entry.heapIndex = -1
    this.#heap.length = 0
    this.#cancel?.()
    this.#cancel = null
    this.#armedFor = Number.POSITIVE_INFINITY
  }

  /** A timer that is due too early, because its entry was removed, is left to fire: it finds nothing and arms the next. */
  #arm(dueAt: number): void {
    this.#cancel?.()
    this.#armedFor = dueAt
    const delay = Math.max(0, Math.ceil(dueAt - this.#environment.monotonic()))
    this.#cancel = this.#environment.after(delay, () => this.#fire())
  }

  #fire(): void {
    this.#cancel = null
    this.#armedFor = Number.POSITIVE_INFINITY
    const now = this.#environment.monotonic()
    while (this.#heap.length > 0 && this.#heap[0]!.dueAt <= now) {
      const entry = this.#heap[0]!
      this.remove(entry)
      this.#expired(entry)
    }
    const first = this.#heap[0]
    if (first !== undefined && first.dueAt < this.#armedFor) this.#arm(first.dueAt)
  }

  #up(entry: T): void {
    const heap = this.#heap
    let index = entry.heapIndex
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = heap[above]!
      if (parent.dueAt <= entry.dueAt) break
      heap[index] = parent
      parent.heapIndex = index
      index = above
    }
    heap[index] = entry
    entry.heapIndex = index
  }

  #down(entry: T): void {
    const heap = this.#heap
    let index = entry.heapIndex
    for (;;) {
      let below = 2 * index + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && heap[below + 1]!.dueAt < heap[below]!.dueAt) below++
      const child = heap[below]!
      if (child.dueAt >= entry.dueAt) break
      heap[index] = child
      child.heapIndex = index
      index = below
    }
    heap[index] = entry
    entry.heapIndex = index
  }
}
