/**
 * The rows of a store that will expire, in the order they began to wait for it. Rows of one store wait equally long, so they leave at the front,
 * or at the back when a change is undone; one that leaves from the middle is remembered until its turn comes.
 */
import type { Index } from '../turn.ts'

const COMPACT_AT = 1024

export class ExpiryQueue<V> implements Index<V> {
  readonly #expires: (row: V) => boolean
  #keys: string[] = []
  #first = 0
  readonly #gone = new Set<string>()

  constructor(expires: (row: V) => boolean) {
    this.#expires = expires
  }

  /** Number of rows waiting to expire. */
  get size(): number {
    return this.#keys.length - this.#first - this.#gone.size
  }

  /** The key that has waited longest. */
  get oldest(): string | undefined {
    return this.#keys[this.#first]
  }

  change(key: string, before: V | undefined, after: V | undefined): void {
    const was = before !== undefined && this.#expires(before)
    const is = after !== undefined && this.#expires(after)
    if (is && !was) this.#add(key)
    else if (was && !is) this.#remove(key)
  }

  #add(key: string): void {
    if (!this.#gone.delete(key)) this.#keys.push(key)
  }

  #remove(key: string): void {
    if (this.#keys.at(-1) === key && this.#keys.length > this.#first) this.#keys.pop()
    else this.#gone.add(key)
    while (this.#first < this.#keys.length && this.#gone.delete(this.#keys[this.#first]!)) this.#first += 1
    if (this.#first < COMPACT_AT || this.#first * 2 < this.#keys.length) return
    this.#keys = this.#keys.slice(this.#first)
    this.#first = 0
  }
}
