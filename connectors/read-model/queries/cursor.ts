/**
 * Cursors: where a page ended, bound to the query it was a page of. Text in base64url: 12 bytes of a hash over query and place, then the place
 * as `ms.id`. The hash is no secret; it keeps a cursor from being used with another query or from being altered by mistake.
 */
import { createHash } from 'node:crypto'
import { ReadModelError } from '../../../topology/read-model/port.ts'

const HASH_BYTES = 12
const MAX_CURSOR_CHARS = 512

/** The last row of a page: its time and id, which survive a rebuild. */
export interface Place {
  readonly ms: number
  readonly id: string
}

/** `query` without its limit and cursor. */
export function encodeCursor(query: object, { ms, id }: Place): string {
  const place = `${ms}.${id}`
  return Buffer.concat([hashOf(query, place), Buffer.from(place)]).toString('base64url')
}

/** @throws {ReadModelError} `CURSOR_INVALID` for what is no cursor, was altered or belongs to another query */
export function decodeCursor(query: object, cursor: string): Place {
  const bytes = cursor.length <= MAX_CURSOR_CHARS ? Buffer.from(cursor, 'base64url') : Buffer.alloc(0)
  const place = bytes.subarray(HASH_BYTES).toString()
  const [, ms, id] = /^(-?\d{1,16})\.(.+)$/s.exec(place) ?? []
  const unaltered = ms !== undefined && bytes.toString('base64url') === cursor
  if (unaltered && hashOf(query, place).equals(bytes.subarray(0, HASH_BYTES))) return { ms: Number(ms), id: id! }
  throw new ReadModelError(
    'CURSOR_INVALID',
    `${JSON.stringify(cursor.slice(0, 100))} is no cursor of this query; expected the 'next' of an earlier answer to the same query`,
  )
}

function hashOf(query: object, place: string): Buffer {
  // Keys in order of the alphabet, so that it does not matter how the query was put together.
  const text = JSON.stringify([query, place], (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
  return createHash('sha256').update(text).digest().subarray(0, HASH_BYTES)
}
