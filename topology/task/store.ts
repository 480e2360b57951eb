/** One store of one task: rows by key, with the indexes and due times derived from them. */
import type { Index, IndexDef, StoreDef } from '../../processors/turn.ts'
import type { DueEntry, DueHeap } from './due-heap.ts'

export class Store<V> {
  readonly def: StoreDef<V>
  readonly rows = new Map<string, V>()
  /** Keys changed since the last commit was cut. */
  readonly dirty = new Set<string>()
  readonly indexes = new Map<IndexDef<V, Index<V>>, Index<V>>()
  readonly #indexList: Index<V>[] = []
  readonly #due = new Map<string, DueEntry>()
  readonly #heap: DueHeap

  constructor(def: StoreDef<V>, heap: DueHeap, partition: number, partitions: number) {
    this.def = def
    this.#heap = heap
    for (const index of def.indexes ?? []) {
      const made = index.create(partition, partitions)
      this.indexes.set(index, made)
      this.#indexList.push(made)
    }
  }

  /** Sets (`undefined`: deletes) a row and keeps what is derived from it; the caller keeps the undo log. */
  set(key: string, before: V | undefined, after: V | undefined): void {
    if (after === undefined) this.rows.delete(key)
    else this.rows.set(key, after)
    for (const index of this.#indexList) index.change(key, before, after)
    if (this.def.dueAt !== undefined) this.#setDue(key, after === undefined ? null : this.def.dueAt(after))
  }

  /** Takes the row out of the due order until it changes or the task restarts. */
  suspendDue(key: string): void {
    const entry = this.#due.get(key)
    if (entry === undefined) return
    this.#heap.remove(entry)
    this.#due.delete(key)
  }

  #setDue(key: string, dueAt: number | null): void {
    const known = this.#due.get(key)
    if (known !== undefined) {
      if (known.dueAt === dueAt) return
      this.#heap.remove(known)
      if (dueAt === null) this.#due.delete(key)
    }
    if (dueAt !== null) this.#due.set(key, this.#heap.add(dueAt, this.def.id, key))
  }
}
