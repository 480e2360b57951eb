/** One store of one task: rows by key, with the indexes and due times derived from them. */

import type { Index, IndexDef, StoreDef } from '../../processors/turn.ts'
import { ChurningMap } from '../../schemas/churning.ts'
import type { DueEntry, DueHeap } from './due-heap.ts'

const RENEW_AT_LEAST = 16

export class Store<V> {
  readonly def: StoreDef<V>
  /** Another map after a cut; see `schemas/churning.ts`. */
  rows = new Map<string, V>()
  #deleted = 0
  /** Keys changed since the last commit was cut. */
  dirty = new Set<string>()
  readonly indexes = new Map<IndexDef<V, Index<V>>, Index<V>>()
  readonly #indexList: Index<V>[] = []
  readonly #due = new ChurningMap<string, DueEntry>()
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
    if (after !== undefined) this.rows.set(key, after)
    else if (this.rows.delete(key)) this.#deleted++
    for (const index of this.#indexList) index.change(key, before, after)
    if (this.def.dueAt !== undefined) this.#setDue(key, after === undefined ? null : this.def.dueAt(after))
  }

  /** Everything dirty was cut. Nobody iterates over the rows but snapshots, which may go on with those of before: what changed since comes after them. */
  beginAnew(): void {
    this.dirty = new Set()
    if (this.#deleted < RENEW_AT_LEAST || this.#deleted < this.rows.size) return
    this.#deleted = 0
    this.rows = new Map(this.rows)
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
