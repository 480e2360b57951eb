/** Postgres' values as JSON and back. Pure. */
import pg from 'pg'
import type { Json } from '../../../../../schemas/json.ts'

type Parse = (text: string) => Json

const BOOL = 16
const BYTEA = 17
const INTEGERS = [20, 21, 23, 26]
const FLOATS = [700, 701]
const NUMERIC = 1700
const JSONS = [114, 3802]
const TIMESTAMP = 1114
const TIMESTAMPTZ = 1184
const TEXT_ARRAY = 1009

/** Array type by the type of its items. */
const ARRAYS: ReadonlyMap<number, number> = new Map([
  [1000, BOOL],
  [1001, BYTEA],
  [1005, 21],
  [1007, 23],
  [1016, 20],
  [1028, 26],
  [1021, 700],
  [1022, 701],
  [1231, NUMERIC],
  [199, 114],
  [3807, 3802],
  [1115, TIMESTAMP],
  [1185, TIMESTAMPTZ],
  [1182, 1082],
  [1183, 1083],
  [1270, 1266],
  [1187, 1186],
  [1009, 25],
  [1015, 1043],
  [1014, 1042],
  [1003, 19],
  [2951, 2950],
  [1041, 869],
  [651, 650],
])

/**
 * Whole numbers beyond 2^53, decimals that a double would change, NaN and infinities come as text; instants as ISO 8601 in UTC, bytes in
 * base64, lists as lists, and whatever has no form of its own in JSON (uuid, date, time, interval, addresses, ranges, ...) as Postgres writes it.
 */
export function postgresParser(type: number): Parse {
  if (type === BOOL) return (text) => text === 't'
  if (INTEGERS.includes(type)) return (text) => (Number.isSafeInteger(Number(text)) ? Number(text) : text)
  if (FLOATS.includes(type)) return (text) => (Number.isFinite(Number(text)) ? Number(text) : text)
  if (type === NUMERIC) return decimal
  if (JSONS.includes(type)) return (text) => JSON.parse(text) as Json
  if (type === BYTEA) return (text) => Buffer.from(text.slice(2), 'hex').toString('base64')
  if (type === TIMESTAMP) return (text) => text.replace(' ', 'T')
  if (type === TIMESTAMPTZ) return (text) => text.replace(' ', 'T').replace(/\+00(?::?00)?$/, 'Z')
  const item = ARRAYS.get(type)
  if (item === undefined) return (text) => text
  const parseItem = postgresParser(item)
  const parseArray = pg.types.getTypeParser(TEXT_ARRAY as number) as (text: string) => unknown
  return (text) => items(parseArray(text), parseItem)
}

function items(value: unknown, parse: Parse): Json {
  if (Array.isArray(value)) return value.map((item) => items(item, parse))
  return typeof value === 'string' ? parse(value) : null
}

/** A number where that loses nothing. */
function decimal(text: string): Json {
  const digits = text.replace(/^-?0*/, '').replace('.', '')
  return digits.length <= 15 && Number.isFinite(Number(text)) ? Number(text) : text
}

/** Parameters as the driver takes them. `lists`: lists become Postgres arrays; else, as the older worker did it, JSON. */
export function postgresParameters(args: readonly Json[], lists: boolean): unknown[] {
  return args.map((arg) => {
    if (typeof arg !== 'object' || arg === null) return arg
    const isPlainList = Array.isArray(arg) && arg.every((item) => typeof item !== 'object' || item === null)
    return lists && isPlainList ? arg : JSON.stringify(arg)
  })
}
