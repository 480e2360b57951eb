/**
 * The keyed state of one task.
 *
 * S1  Rows are changed in place. The undo log takes back one record's changes; a failed commit discards the whole state.
 * S2  A key is dirty from its first change until the commit that carries it is cut; a dirty key may hold its old value (after an undo), which is
 *     written again and does no harm.
 * S3  Indexes and due times are told of every change, undone and restored ones too.
 */
import type { Index, IndexDef, Processor, StoreDef } from '../../processors/turn.ts'
import { encodeWithHeader } from '../../schemas/codec/slab.ts'
import { defineValue, long } from '../../schemas/define.ts'
import type { ChangelogEntry } from '../log/port.ts'
import { DueHeap } from './due-heap.ts'
import { References } from './references.ts'
import { Store } from './store.ts'

/** Entries of the undo log that are kept for the next record. */
const UNDO_KEPT = 256
/** Form of a changelog value: this byte, then Avro. */
const VALUE_VERSION = 1

/** The task's own row, `clock`: the latest time it decided at. */
export const TASK_META: StoreDef<{ readonly nowMs: number }> = {
  name: 'task',
  id: 0,
  type: defineValue('TaskMeta', { nowMs: long }),
}

type AnyStore = Store<unknown>
type AnyStoreDef = StoreDef<unknown>

export type StateErrorCode = 'CHANGELOG_NEWER' | 'CHANGELOG_CORRUPT' | 'ROW_UNENCODABLE'

export class StateError extends Error {
  readonly code: StateErrorCode
  constructor(code: StateErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StateError'
    this.code = code
  }
}

export class TaskState {
  readonly due = new DueHeap()
  readonly references = new References()
  readonly #stores: AnyStore[] = []
  readonly #byId: (AnyStore | undefined)[] = []
  readonly #indexes = new Map<unknown, Index<unknown>>()
  readonly #undoStores: AnyStore[] = []
  readonly #undoKeys: string[] = []
  readonly #undoValues: unknown[] = []
  /** How many entries of the undo log count; the arrays are used again, since they are filled for every record. */
  #undoLength = 0

  constructor(processors: readonly Processor[], partition: number, partitions: number) {
    const declared = processors.flatMap((processor) => processor.stores as readonly AnyStoreDef[])
    for (const def of [TASK_META as unknown as AnyStoreDef, ...declared]) {
      if (this.#byId[def.id] !== undefined) throw new Error(`store id ${def.id} is declared twice ('${def.name}')`)
      const store = new Store<unknown>(def, this.due, partition, partitions)
      this.#stores.push(store)
      this.#byId[def.id] = store
      for (const [indexDef, index] of store.indexes) this.#indexes.set(indexDef, index)
    }
  }

  store<V>(def: StoreDef<V>): Store<V> {
    const store = this.#byId[def.id]
    if (store !== undefined && store.def === (def as unknown as AnyStoreDef)) return store as unknown as Store<V>
    throw new Error(`store '${def.name}' belongs to no processor of this topology`)
  }

  storeById(id: number): AnyStore | undefined {
    return this.#byId[id]
  }

  index<V, I extends Index<V>>(def: IndexDef<V, I>): I {
    const index = this.#indexes.get(def)
    if (index !== undefined) return index as unknown as I
    throw new Error(`index '${def.name}' belongs to no store of this topology`)
  }

  set<V>(store: Store<V>, key: string, after: V | undefined): void {
    const before = store.rows.get(key)
    if (before === undefined && after === undefined) return
    const at = this.#undoLength++
    this.#undoStores[at] = store as unknown as AnyStore
    this.#undoKeys[at] = key
    this.#undoValues[at] = before
    store.dirty.add(key)
    store.set(key, before, after)
  }

  /** The row was taken from this record of `ingest`. */
  brought<V>(def: StoreDef<V>, key: string, offset: number): void {
    this.references.brought(String.fromCharCode(def.id) + key, offset)
  }

  /** Rows that have been references for long are written in full by the next cut, so many at most. Answers how many. */
  writeOut(nowMs: number, most: number): number {
    const keys = this.references.old(nowMs, most)
    for (const key of keys) this.#byId[key.charCodeAt(0)]!.dirty.add(key.slice(1))
    return keys.length
  }

  /** Keeps the changes since the last call of this or of `undo`. */
  keep(): void {
    if (this.#undoLength > UNDO_KEPT) {
      this.#undoStores.length = UNDO_KEPT
      this.#undoKeys.length = UNDO_KEPT
      this.#undoValues.length = UNDO_KEPT
    }
    this.#undoLength = 0
  }

  /** Encodes the rows changed since the last `keep` for nothing but to see that it can be done. @throws {StateError} `ROW_UNENCODABLE` */
  checkEncodable(): void {
    for (let i = 0; i < this.#undoLength; i++) {
      const store = this.#undoStores[i]!
      const value = store.rows.get(this.#undoKeys[i]!)
      if (value !== undefined) encodeRow(store.def, value)
    }
  }

  /** Takes back the changes since the last `keep`. */
  undo(): void {
    for (let i = this.#undoLength - 1; i >= 0; i--) {
      const store = this.#undoStores[i]!
      const key = this.#undoKeys[i]!
      store.set(key, store.rows.get(key), this.#undoValues[i])
    }
    this.keep()
  }

  /** The changes since the last cut, as changelog entries. `nowMs`: monotonic. */
  cut(nowMs = 0): ChangelogEntry[] {
    const entries: ChangelogEntry[] = []
    for (const store of this.#stores) {
      if (store.dirty.size === 0) continue
      const prefix = String.fromCharCode(store.def.id)
      for (const key of store.dirty) {
        const row = store.rows.get(key)
        const value = row === undefined ? null : encodeRow(store.def, row)
        const source = this.references.cut(prefix + key, value, nowMs)
        entries.push(source === undefined ? { key: prefix + key, value } : { key: prefix + key, value, source })
      }
      store.beginAnew()
    }
    this.references.forgetBrought()
    return entries
  }

  /** Folds one changelog entry in. @throws {StateError} */
  restore(entry: ChangelogEntry): void {
    const store = this.#byId[entry.key.charCodeAt(0)]
    if (store === undefined) {
      const id = entry.key.charCodeAt(0)
      throw new StateError(
        'CHANGELOG_NEWER',
        `the changelog holds rows of store ${id}, which this version does not know`,
      )
    }
    this.references.restored(entry)
    const key = entry.key.slice(1)
    store.set(key, store.rows.get(key), entry.value === null ? undefined : decodeRow(store.def, entry.value))
  }

  /** Every row as a changelog entry, store by store. Rows may change while the iteration is suspended. */
  *entries(): IterableIterator<ChangelogEntry> {
    for (const store of this.#stores) {
      const prefix = String.fromCharCode(store.def.id)
      for (const [key, value] of store.rows) yield { key: prefix + key, value: encodeRow(store.def, value) }
    }
  }

  /** Number of rows in all stores. */
  size(): number {
    let size = 0
    for (const store of this.#stores) size += store.rows.size
    return size
  }
}

function encodeRow(def: AnyStoreDef, value: unknown): Buffer {
  try {
    const bytes = encodeWithHeader(def.type, value, 1)
    bytes[0] = VALUE_VERSION
    return bytes
  } catch (error) {
    const message = `a row of store '${def.name}' does not match its type: ${(error as Error).message}`
    throw new StateError('ROW_UNENCODABLE', message, { cause: error })
  }
}

function decodeRow(def: AnyStoreDef, value: Uint8Array): unknown {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (bytes[0] !== VALUE_VERSION) {
    throw new StateError(
      'CHANGELOG_NEWER',
      `a row of store '${def.name}' has version ${bytes[0]}; this version of Beamline reads ${VALUE_VERSION}`,
    )
  }
  try {
    return def.type.fromBuffer(bytes.subarray(1))
  } catch (error) {
    throw new StateError(
      'CHANGELOG_CORRUPT',
      `a row of store '${def.name}' cannot be read: ${(error as Error).message}`,
      {
        cause: error,
      },
    )
  }
}
