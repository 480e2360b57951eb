/**
 * Where the records and changelog batches of the groups lie: their directories, kept in memory and brought up to date by reading those of new
 * groups. Any connection may have one; each looks for itself.
 */
import type { DatabaseSync } from 'node:sqlite'
import { type ChangesPlace, eachPlace, type Place, type RecordsPlace } from './directory.ts'
import { unpack } from './packing.ts'

export interface GroupSize {
  readonly group: number
  /** Packed. */
  readonly bytes: number
}

/** Unpacked groups that are kept: neighbouring partitions are read one after another from the same ones. */
const KEPT_BYTES = 16 << 20

export class GroupIndex {
  readonly #spans = new Map<number, RecordsPlace[]>()
  readonly #tasks = new Map<number, ChangesPlace[]>()
  readonly #records: UnpackedColumn
  readonly #changes: UnpackedColumn
  readonly #first
  readonly #beyond
  #groups: GroupSize[] = []
  #last = 0

  constructor(database: DatabaseSync) {
    this.#first = database.prepare('SELECT min(id) AS id FROM groups')
    this.#beyond = database.prepare('SELECT id, bytes, directory FROM groups WHERE id > ? ORDER BY id')
    this.#records = new UnpackedColumn(database, 'records')
    this.#changes = new UnpackedColumn(database, 'changes')
  }

  /** Takes in what came and went since the last call. What is read afterwards must be read in the same read transaction. */
  refresh(): void {
    const first = Number(this.#first.get()?.['id'] ?? 0)
    if ((this.#groups[0]?.group ?? first) < first) this.#drop(first)
    for (const row of this.#beyond.iterate(this.#last)) {
      this.#add(Number(row['id']), Number(row['bytes']), row['directory'] as Uint8Array)
    }
  }

  /** All groups, oldest first. */
  get groups(): readonly GroupSize[] {
    return this.#groups
  }

  /** Ascending and without gaps, as far as groups go back. */
  records(span: number): readonly RecordsPlace[] {
    return this.#spans.get(span) ?? []
  }

  /** Index of the first place that reaches beyond the offset. */
  indexAt(span: number, offset: number): number {
    const places = this.records(span)
    let low = 0
    let high = places.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (places[middle]!.next <= offset) low = middle + 1
      else high = middle
    }
    return low
  }

  changes(task: number): readonly ChangesPlace[] {
    return this.#tasks.get(task) ?? []
  }

  get spans(): Iterable<readonly [number, readonly RecordsPlace[]]> {
    return this.#spans
  }

  /** The bytes of a record batch; a view. */
  readRecords(place: RecordsPlace): Uint8Array {
    return this.#records.read(place)
  }

  /** The bytes of a changelog batch; a view. */
  readChanges(place: ChangesPlace): Uint8Array {
    return this.#changes.read(place)
  }

  #add(group: number, bytes: number, directory: Uint8Array): void {
    eachPlace(
      group,
      directory,
      (place) => listOf(this.#spans, place.span).push(place),
      (place) => listOf(this.#tasks, place.task).push(place),
    )
    this.#groups.push({ group, bytes })
    this.#last = group
  }

  #drop(below: number): void {
    const kept = <T extends { readonly group: number }>(list: readonly T[]): T[] => {
      const from = list.findIndex(({ group }) => group >= below)
      return from < 0 ? [] : list.slice(from)
    }
    for (const [span, places] of this.#spans) this.#spans.set(span, kept(places))
    for (const [task, places] of this.#tasks) this.#tasks.set(task, kept(places))
    this.#groups = kept(this.#groups)
    this.#records.drop(below)
    this.#changes.drop(below)
  }
}

class UnpackedColumn {
  readonly #select
  readonly #kept = new Map<number, Uint8Array>()
  #bytes = 0

  constructor(database: DatabaseSync, column: 'records' | 'changes') {
    this.#select = database.prepare(`SELECT ${column} AS packed FROM groups WHERE id = ?`)
  }

  read({ group, start, length }: Place): Uint8Array {
    return (this.#kept.get(group) ?? this.#unpack(group)).subarray(start, start + length)
  }

  #unpack(group: number): Uint8Array {
    const row = this.#select.get(group)
    if (row === undefined) throw new Error(`group ${group} is not in the file any more`)
    const data = unpack(row['packed'] as Uint8Array)
    this.#kept.set(group, data)
    this.#bytes += data.length
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= KEPT_BYTES) break
      this.#forget(oldest)
    }
    return data
  }

  drop(below: number): void {
    for (const group of this.#kept.keys()) if (group < below) this.#forget(group)
  }

  #forget(group: number): void {
    this.#bytes -= this.#kept.get(group)?.length ?? 0
    this.#kept.delete(group)
  }
}

function listOf<T>(lists: Map<number, T[]>, key: number): T[] {
  let list = lists.get(key)
  if (list === undefined) {
    list = []
    lists.set(key, list)
  }
  return list
}

/** Runs reads on one state of the file. */
export function snapshotOf<T>(database: DatabaseSync, read: () => T): T {
  database.exec('BEGIN')
  try {
    return read()
  } finally {
    database.exec('COMMIT')
  }
}
