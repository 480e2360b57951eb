/** The instant a `wait` with `until` waits for. */
import { ExpressionError } from '../../schemas/flow/model.ts'
import type { EpochMs } from '../../schemas/ids.ts'
import { type Json, toJsonText } from '../../schemas/json.ts'

/** A date, or a date and time with its offset from UTC: without one the instant would depend on the machine. */
const ISO_TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/
const MAX_INSTANT = 8.64e15

/** @throws {ExpressionError} `WAIT_UNTIL_INVALID` */
export function parseInstant(value: Json, path: string): EpochMs {
  const instant = typeof value === 'string' && ISO_TIME.test(value) ? Date.parse(value) : value
  if (typeof instant === 'number' && instant >= 0 && instant <= MAX_INSTANT) return Math.ceil(instant)
  const found = toJsonText(value)
  throw new ExpressionError(
    'WAIT_UNTIL_INVALID',
    path,
    `\`until\` gave ${found.length > 100 ? `${found.slice(0, 100)}...` : found}; expected a time like 2030-01-31T12:00:00Z (with Z or an offset) or milliseconds since 1970`,
  )
}
