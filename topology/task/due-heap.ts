/**
 * A binary min-heap of due rows that can remove any entry in O(log n), because each entry knows its place.
 * Order: due time, then store, then key, so that live and restored tasks agree.
 */
import type { EpochMs } from '../../schemas/ids.ts'

export interface DueEntry {
  readonly dueAt: EpochMs
  readonly storeId: number
  readonly key: string
  /** Index in the heap; -1 once removed. */
  place: number
}

export class DueHeap {
  readonly #entries: DueEntry[] = []

  get size(): number {
    return this.#entries.length
  }

  /** The entry that is due first. */
  first(): DueEntry | undefined {
    return this.#entries[0]
  }

  add(dueAt: EpochMs, storeId: number, key: string): DueEntry {
    const entry: DueEntry = { dueAt, storeId, key, place: this.#entries.length }
    this.#entries.push(entry)
    this.#up(entry)
    return entry
  }

  remove(entry: DueEntry): void {
    const place = entry.place
    if (place < 0) return
    entry.place = -1
    const last = this.#entries.pop()!
    if (last === entry) return
    last.place = place
    this.#entries[place] = last
    this.#up(last)
    this.#down(last)
  }

  #up(entry: DueEntry): void {
    const entries = this.#entries
    let place = entry.place
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = entries[above]!
      if (!before(entry, parent)) break
      entries[place] = parent
      parent.place = place
      place = above
    }
    entries[place] = entry
    entry.place = place
  }

  #down(entry: DueEntry): void {
    const entries = this.#entries
    let place = entry.place
    for (;;) {
      let below = 2 * place + 1
      if (below >= entries.length) break
      if (below + 1 < entries.length && before(entries[below + 1]!, entries[below]!)) below++
      const child = entries[below]!
      if (!before(child, entry)) break
      entries[place] = child
      child.place = place
      place = below
    }
    entries[place] = entry
    entry.place = place
  }
}

function before(a: DueEntry, b: DueEntry): boolean {
  if (a.dueAt !== b.dueAt) return a.dueAt < b.dueAt
  if (a.storeId !== b.storeId) return a.storeId < b.storeId
  return a.key < b.key
}
