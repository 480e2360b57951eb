/** Reads of stored batches in the reader thread: records by offset and time, and a task's changelog. Settled rows come before groups. */
import type { DatabaseSync } from 'node:sqlite'
import type { LogRecord } from '../../topology/log/port.ts'
import { decodeBatch } from './batch-codec.ts'
import { ByteWriter } from './bytes.ts'
import { writeRow } from './changelog-codec.ts'
import { type GroupIndex, snapshotOf } from './group-index.ts'
import { type Frame, framesOf } from './packing.ts'
import type { ChangelogPart, Fetched, FetchRequest } from './protocol.ts'

const PART_BYTES = 1 << 20

export interface History {
  fetch(request: FetchRequest): Fetched
  seek(span: number, timeMs: number, end: number): number
  /** A cursor over the live rows and the batches beyond them. */
  changelog(task: number, from: number): ChangelogCursor
  foldedTo(task: number): number
}

export interface ChangelogCursor {
  next(through: number): ChangelogPart | null
}

export function openHistory(database: DatabaseSync, index: GroupIndex): History {
  const folded = database.prepare('SELECT folded FROM tasks WHERE task = ?')
  const foldedTo = (task: number) => Number(folded.get(task)?.['folded'] ?? 0)
  const fetch = fetcher(database, index)
  return {
    fetch: (request) => snapshotOf(database, () => fetch(request)),
    seek: seeker(database, index),
    foldedTo,
    changelog: (task, from) => new Changelog(database, index, task, from, foldedTo(task)),
  }
}

/** Reads batches of a partition that reach into `[from, to)`; to be called within a read transaction. */
export function fetcher(database: DatabaseSync, index: GroupIndex): History['fetch'] {
  const before = database.prepare('SELECT base FROM batches WHERE span = ? AND base <= ? ORDER BY base DESC LIMIT 1')
  const settled = database.prepare(
    'SELECT base, next, data FROM batches WHERE span = ? AND base >= ? AND base < ? ORDER BY base',
  )
  return ({ span, from, to, maxBytes }) => {
    index.refresh()
    const batches: Frame[] = []
    let bytes = 0
    // copied, since a view would drag its whole buffer along to the other thread
    const found = ({ base, data }: Frame): void => {
      batches.push({ base, data: new Uint8Array(data) })
      bytes += data.length
    }
    const start = Number(before.get(span, from)?.['base'] ?? from)
    for (const row of settled.iterate(span, start, to)) {
      const next = Number(row['next'])
      if (next <= from) continue
      for (const frame of framesOf(row['data'] as Uint8Array)) found(frame)
      if (bytes >= maxBytes) return { batches, through: Math.min(next, to) }
    }
    const places = index.records(span)
    for (let i = index.indexAt(span, from); i < places.length; i++) {
      const place = places[i]!
      if (place.base >= to) break
      found({ base: place.base, data: index.readRecords(place) })
      if (bytes >= maxBytes) return { batches, through: Math.min(place.next, to) }
    }
    return { batches, through: to }
  }
}

interface Stretch {
  readonly base: number
  readonly next: number
  readonly lastMs: number
  frames(): readonly Frame[]
}

/** Timestamps do not go down within a partition, so a binary search over offsets finds the record. */
function seeker(database: DatabaseSync, index: GroupIndex): History['seek'] {
  const first = database.prepare('SELECT base FROM batches WHERE span = ? ORDER BY base LIMIT 1')
  const settled = database.prepare(
    'SELECT base, next, last_ms FROM batches WHERE span = ? AND base <= ? ORDER BY base DESC LIMIT 1',
  )
  const data = database.prepare('SELECT data FROM batches WHERE span = ? AND base = ?')
  const stretchAt = (span: number, offset: number): Stretch => {
    const places = index.records(span)
    if (places.length > 0 && offset >= places[0]!.base) {
      const place = places[index.indexAt(span, offset)]!
      return { ...place, frames: () => [{ base: place.base, data: index.readRecords(place) }] }
    }
    const row = settled.get(span, offset)!
    const base = Number(row['base'])
    const frames = () => framesOf(data.get(span, base)!['data'] as Uint8Array)
    return { base, next: Number(row['next']), lastMs: Number(row['last_ms']), frames }
  }
  const seek: History['seek'] = (span, timeMs, end) => {
    index.refresh()
    let low = Number(first.get(span)?.['base'] ?? index.records(span)[0]?.base ?? end)
    let high = end
    while (low < high) {
      const { base, next, lastMs, frames } = stretchAt(span, Math.floor((low + high) / 2))
      if (lastMs < timeMs) low = next
      else if (base > low) high = base
      else {
        const records: LogRecord[] = []
        for (const frame of frames()) decodeBatch('events', 0, frame.base, frame.data, 0, end, records)
        return records.find((each) => each.timestampMs >= timeMs)?.offset ?? end
      }
    }
    return Math.min(low, end)
  }
  return (span, timeMs, end) => snapshotOf(database, () => seek(span, timeMs, end))
}

/**
 * First the live rows, if `from` lies before what was folded, with position 0, then the batches beyond. The last part of a changelog that was
 * read whole has the position it ends at. The task must be pinned, so that no fold comes between.
 */
class Changelog implements ChangelogCursor {
  readonly #database: DatabaseSync
  readonly #index: GroupIndex
  readonly #task: number
  readonly #rows
  readonly #out = new ByteWriter()
  #afterKey: Uint8Array | null
  #position: number
  #told: number

  constructor(database: DatabaseSync, index: GroupIndex, task: number, from: number, folded: number) {
    this.#database = database
    this.#index = index
    this.#task = task
    this.#rows = database.prepare('SELECT key, value FROM state WHERE task = ? AND key > ? ORDER BY key')
    this.#afterKey = from < folded ? new Uint8Array() : null
    this.#position = Math.max(from, folded)
    this.#told = from
  }

  next(through: number): ChangelogPart | null {
    this.#out.clear()
    if (this.#afterKey !== null) {
      if (this.#liveRows(this.#afterKey)) return { data: new Uint8Array(this.#out.bytes), position: 0 }
      this.#afterKey = null
      this.#told = 0
    }
    snapshotOf(this.#database, () => this.#batches(through))
    if (this.#out.length === 0 && this.#told === this.#position) return null
    this.#told = this.#position
    return { data: new Uint8Array(this.#out.bytes), position: this.#position }
  }

  #batches(through: number): void {
    this.#index.refresh()
    for (const place of this.#index.changes(this.#task)) {
      if (place.position <= this.#position) continue
      if (place.position > through || this.#out.length >= PART_BYTES) break
      this.#out.raw(this.#index.readChanges(place))
      this.#position = place.position
    }
  }

  #liveRows(after: Uint8Array): boolean {
    for (const row of this.#rows.iterate(this.#task, after)) {
      const key = row['key'] as Uint8Array
      writeRow(this.#out, key, row['value'] as Uint8Array)
      this.#afterKey = key
      if (this.#out.length >= PART_BYTES) break
    }
    return this.#out.length > 0
  }
}
