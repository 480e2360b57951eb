/**
 * What lies where in a group, which is one transaction: the bytes of its record batches follow one another in the unpacked `records`, those of its
 * changelog batches in the unpacked `changes`.
 *
 *     uint   number of record batches, then of each: span, base, next, last timestamp (uints), length (uint)
 *     uint   number of changelog batches, then of each: task, position, length (uints)
 */
import { ByteReader, ByteWriter } from './bytes.ts'
import { BATCH_FIELDS, CHANGELOG_FIELDS, type WriteGroup } from './protocol.ts'

/** A part of a group's unpacked records or changes. */
export interface Place {
  readonly group: number
  readonly start: number
  readonly length: number
}
export interface RecordsPlace extends Place {
  readonly span: number
  readonly base: number
  readonly next: number
  readonly lastMs: number
}
export interface ChangesPlace extends Place {
  readonly task: number
  readonly position: number
}

const out = new ByteWriter()

/** The places must be in order and without gaps, as `seal` lays them out. */
export function encodeDirectory({ batches, changelog }: Pick<WriteGroup, 'batches' | 'changelog'>): Uint8Array {
  out.clear()
  out.uint(batches.length / BATCH_FIELDS)
  for (let i = 0; i < batches.length; i += BATCH_FIELDS) {
    for (const field of [0, 1, 2, 3, 5]) out.uint(batches[i + field]!)
  }
  out.uint(changelog.length / CHANGELOG_FIELDS)
  for (let i = 0; i < changelog.length; i += CHANGELOG_FIELDS) {
    for (const field of [0, 1, 3]) out.uint(changelog[i + field]!)
  }
  return new Uint8Array(out.bytes)
}

/** Calls back with what lies in the group: with plain loops, since there are many of them for every run. */
export function eachPlace(
  group: number,
  directory: Uint8Array,
  records: (place: RecordsPlace) => void,
  changes: (place: ChangesPlace) => void,
): void {
  const input = new ByteReader(directory)
  for (let left = input.uint(), start = 0; left > 0; left--) {
    const span = input.uint()
    const base = input.uint()
    const next = input.uint()
    const lastMs = input.uint()
    const length = input.uint()
    records({ group, start, length, span, base, next, lastMs })
    start += length
  }
  for (let left = input.uint(), start = 0; left > 0; left--) {
    const task = input.uint()
    const position = input.uint()
    const length = input.uint()
    changes({ group, start, length, task, position })
    start += length
  }
}
