/** Parsed payloads. Small ones are kept as long as their row, since several expressions may read them. */
import { type Json, parseJson } from '../../schemas/json.ts'
import type { PayloadRow } from './run-store.ts'

const KEPT_LENGTH = 4096
const parsed = new WeakMap<PayloadRow, Json>()

export function parsePayload(row: PayloadRow): Json {
  const known = parsed.get(row)
  if (known !== undefined) return known
  const value = parseJson(row.text)
  keepParsed(row, value)
  return value
}

/** Spares the parsing of a row whose value is known. */
export function keepParsed(row: PayloadRow, value: Json): void {
  if (row.text.length <= KEPT_LENGTH) parsed.set(row, value)
}
