/**
 * A map and a set for entries that come and go all the time.
 *
 * When V8 rebuilds the table of a map, the old table keeps its entries and a reference to the new one. Once such a table has grown old, every later
 * one, with all that its entries hold on to, is moved to the old generation with it, though all of them are garbage: half of what was allocated for a
 * run lived until the next full collection. These begin anew, unconnected with their past, when they have lost as many entries as they hold.
 */

const RENEW_AT_LEAST = 32

/** Iterators go on over the entries of the moment when the map begins anew. */
export class ChurningMap<K, V> {
  #map = new Map<K, V>()
  #deleted = 0

  get size(): number {
    return this.#map.size
  }

  get(key: K): V | undefined {
    return this.#map.get(key)
  }

  has(key: K): boolean {
    return this.#map.has(key)
  }

  set(key: K, value: V): void {
    this.#map.set(key, value)
  }

  delete(key: K): boolean {
    const deleted = this.#map.delete(key)
    if (deleted && ++this.#deleted >= RENEW_AT_LEAST && this.#deleted >= this.#map.size) {
      this.#deleted = 0
      this.#map = new Map(this.#map)
    }
    return deleted
  }

  clear(): void {
    this.#map = new Map()
  }

  values(): IterableIterator<V> {
    return this.#map.values()
  }

  entries(): IterableIterator<[K, V]> {
    return this.#map.entries()
  }
}

/** Iterators go on over the entries of the moment when the set begins anew. */
export class ChurningSet<T> {
  #set = new Set<T>()
  #deleted = 0

  get size(): number {
    return this.#set.size
  }

  has(value: T): boolean {
    return this.#set.has(value)
  }

  add(value: T): void {
    this.#set.add(value)
  }

  delete(value: T): boolean {
    const deleted = this.#set.delete(value)
    if (deleted && ++this.#deleted >= RENEW_AT_LEAST && this.#deleted >= this.#set.size) {
      this.#deleted = 0
      this.#set = new Set(this.#set)
    }
    return deleted
  }

  clear(): void {
    this.#set = new Set()
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#set.values()
  }
}
