/** Reads of stored batches in the reader thread: records by offset and time, and a task's changelog. */
import type { DatabaseSync } from 'node:sqlite'
import type { LogRecord } from '../../topology/log/port.ts'
import { decodeBatch } from './batch-codec.ts'
import { ByteWriter } from './bytes.ts'
import { writeRow } from './changelog-codec.ts'
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

export function openHistory(database: DatabaseSync): History {
  const folded = database.prepare('SELECT folded FROM tasks WHERE task = ?')
  const foldedTo = (task: number) => Number(folded.get(task)?.['folded'] ?? 0)
  return {
    fetch: fetcher(database),
    seek: seeker(database),
    foldedTo,
    changelog: (task, from) => new Changelog(database, task, from, foldedTo(task)),
  }
}

function fetcher(database: DatabaseSync): History['fetch'] {
  const before = database.prepare('SELECT base FROM batches WHERE span = ? AND base <= ? ORDER BY base DESC LIMIT 1')
  const batches = database.prepare(
    'SELECT base, next, data FROM batches WHERE span = ? AND base >= ? AND base < ? ORDER BY base',
  )
  return ({ span, from, to, maxBytes }) => {
    const start = Number(before.get(span, from)?.['base'] ?? from)
    const found: { base: number; data: Uint8Array }[] = []
    let bytes = 0
    for (const row of batches.iterate(span, start, to)) {
      const next = Number(row['next'])
      if (next <= from) continue
      const data = row['data'] as Uint8Array
      found.push({ base: Number(row['base']), data })
      bytes += data.length
      if (bytes >= maxBytes) return { batches: found, through: Math.min(next, to) }
    }
    return { batches: found, through: to }
  }
}

/** Timestamps do not go down within a partition, so a binary search over offsets finds the batch. */
function seeker(database: DatabaseSync): History['seek'] {
  const first = database.prepare('SELECT base FROM batches WHERE span = ? ORDER BY base LIMIT 1')
  const at = database.prepare(
    'SELECT base, next, last_ms FROM batches WHERE span = ? AND base <= ? ORDER BY base DESC LIMIT 1',
  )
  const data = database.prepare('SELECT data FROM batches WHERE span = ? AND base = ?')
  return (span, timeMs, end) => {
    let low = Number(first.get(span)?.['base'] ?? end)
    let high = end
    while (low < high) {
      const row = at.get(span, Math.floor((low + high) / 2))!
      const base = Number(row['base'])
      if (Number(row['last_ms']) < timeMs) low = Number(row['next'])
      else if (base > low) high = base
      else {
        const records: LogRecord[] = []
        decodeBatch('events', 0, base, data.get(span, base)!['data'] as Uint8Array, 0, end, records)
        return records.find((each) => each.timestampMs >= timeMs)?.offset ?? end
      }
    }
    return Math.min(low, end)
  }
}

/**
 * First the live rows, if `from` lies before what was folded, with position 0, then the batches beyond. The last part of a changelog that was
 * read whole has the position it ends at.
 */
class Changelog implements ChangelogCursor {
  readonly #task: number
  readonly #rows
  readonly #batches
  readonly #out = new ByteWriter()
  #afterKey: Uint8Array | null
  #position: number
  #told: number

  constructor(database: DatabaseSync, task: number, from: number, folded: number) {
    this.#task = task
    this.#rows = database.prepare('SELECT key, value FROM state WHERE task = ? AND key > ? ORDER BY key')
    this.#batches = database.prepare(
      'SELECT position, data FROM changelog WHERE task = ? AND position > ? AND position <= ? ORDER BY position',
    )
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
    for (const row of this.#batches.iterate(this.#task, this.#position, through)) {
      this.#out.raw(row['data'] as Uint8Array)
      this.#position = Number(row['position'])
      if (this.#out.length >= PART_BYTES) break
    }
    if (this.#out.length === 0 && this.#told === this.#position) return null
    this.#told = this.#position
    return { data: new Uint8Array(this.#out.bytes), position: this.#position }
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
