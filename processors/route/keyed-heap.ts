/** A binary heap whose entries can be found and removed by key; every operation is O(log n). */
import { ChurningMap } from '../../schemas/churning.ts'

export interface KeyedHeap<T> {
  readonly size: number
  /** The entry that comes before all others. */
  first(): T | undefined
  add(key: string, entry: T): void
  /** False if there is no such key. */
  remove(key: string): boolean
}

interface Slot<T> {
  readonly key: string
  readonly entry: T
}

/** `before` must be a strict total order, so that what comes first does not depend on the order of insertion. */
export function createKeyedHeap<T>(before: (a: T, b: T) => boolean): KeyedHeap<T> {
  const slots: Slot<T>[] = []
  const positions = new ChurningMap<string, number>()

  function place(slot: Slot<T>, at: number): void {
    slots[at] = slot
    positions.set(slot.key, at)
  }

  function rise(slot: Slot<T>, from: number): void {
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(slot.entry, slots[parent]!.entry)) break
      place(slots[parent]!, at)
      at = parent
    }
    place(slot, at)
  }

  function sink(slot: Slot<T>, from: number): void {
    let at = from
    for (;;) {
      let child = 2 * at + 1
      if (child >= slots.length) break
      if (child + 1 < slots.length && before(slots[child + 1]!.entry, slots[child]!.entry)) child++
      if (!before(slots[child]!.entry, slot.entry)) break
      place(slots[child]!, at)
      at = child
    }
    place(slot, at)
  }

  return {
    get size() {
      return slots.length
    },
    first: () => slots[0]?.entry,
    add(key, entry) {
      if (positions.has(key)) throw new Error(`heap already holds '${key}'`)
      slots.push({ key, entry })
      rise(slots[slots.length - 1]!, slots.length - 1)
    },
    remove(key) {
      const at = positions.get(key)
      if (at === undefined) return false
      positions.delete(key)
      const last = slots.pop()!
      if (at === slots.length) return true
      if (at > 0 && before(last.entry, slots[(at - 1) >> 1]!.entry)) rise(last, at)
      else sink(last, at)
      return true
    },
  }
}
