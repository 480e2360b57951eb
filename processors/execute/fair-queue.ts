/**
 * Weighted deficit round robin over tenants, after M. Shreedhar and G. Varghese, "Efficient Fair Queueing Using Deficit Round Robin",
 * SIGCOMM 1995. Every step costs the same, so instead of a quantum of `weight` steps a visit earns `weight` credits and a step costs as many as
 * the heaviest waiting tenant earns: the shares are those of the paper, but at most one step is taken per visit, so no tenant gets
 * its whole share in one burst. Within a tenant the order is that of arrival.
 */
import { ChurningMap } from '../../schemas/churning.ts'

interface Lane<T> {
  readonly tenant: string
  weight: number
  credit: number
  /** From `head` on; `undefined` where an item was removed. */
  items: (T | undefined)[]
  head: number
  live: number
}

const COMPACT_AT = 256

export class FairQueue<T extends object> {
  readonly #lanes = new ChurningMap<string, Lane<T>>()
  /** Lanes with items, in the order of their visits. */
  readonly #ring: Lane<T>[] = []
  #at = 0
  #size = 0
  #heaviest = 1

  get size(): number {
    return this.#size
  }

  /** `weight` 1..1000; the latest one of a tenant counts. */
  push(tenant: string, weight: number, item: T): void {
    let lane = this.#lanes.get(tenant)
    if (lane === undefined) {
      lane = { tenant, weight: 1, credit: 0, items: [], head: 0, live: 0 }
      this.#lanes.set(tenant, lane)
      this.#ring.push(lane)
    }
    const changed = lane.live === 0 || lane.weight !== weight
    lane.weight = Math.max(1, weight)
    lane.items.push(item)
    lane.live++
    this.#size++
    if (changed) this.#weigh()
  }

  take(): T | undefined {
    while (this.#size > 0) {
      const lane = this.#ring[this.#at]!
      if (this.#ring.length === 1) return this.#shift(lane)
      lane.credit += lane.weight
      if (lane.credit >= this.#heaviest) {
        lane.credit -= this.#heaviest
        const ring = this.#ring.length
        const item = this.#shift(lane)
        if (this.#ring.length === ring) this.#advance()
        return item
      }
      this.#advance()
    }
    return undefined
  }

  /** Takes one item out of the queue, wherever it waits. */
  remove(tenant: string, item: T): boolean {
    const lane = this.#lanes.get(tenant)
    const index = lane === undefined ? -1 : lane.items.indexOf(item, lane.head)
    if (lane === undefined || index < 0) return false
    lane.items[index] = undefined
    lane.live--
    this.#size--
    if (lane.live === 0) this.#drop(lane)
    return true
  }

  clear(): void {
    this.#lanes.clear()
    this.#ring.length = 0
    this.#at = 0
    this.#size = 0
  }

  #shift(lane: Lane<T>): T {
    let item = lane.items[lane.head++]
    while (item === undefined) item = lane.items[lane.head++]
    lane.items[lane.head - 1] = undefined
    lane.live--
    this.#size--
    if (lane.live === 0) this.#drop(lane)
    else if (lane.head >= COMPACT_AT && lane.head * 2 >= lane.items.length) {
      lane.items = lane.items.slice(lane.head)
      lane.head = 0
    }
    return item
  }

  #advance(): void {
    this.#at = this.#at + 1 >= this.#ring.length ? 0 : this.#at + 1
  }

  /** An empty lane loses its credit, as in the paper. */
  #drop(lane: Lane<T>): void {
    const index = this.#ring.indexOf(lane)
    this.#ring.splice(index, 1)
    this.#lanes.delete(lane.tenant)
    if (index < this.#at) this.#at--
    if (this.#at >= this.#ring.length) this.#at = 0
    if (lane.weight === this.#heaviest) this.#weigh()
  }

  #weigh(): void {
    let heaviest = 1
    for (const lane of this.#ring) if (lane.weight > heaviest) heaviest = lane.weight
    this.#heaviest = heaviest
    for (const lane of this.#ring) if (lane.credit > heaviest) lane.credit = heaviest
  }
}
