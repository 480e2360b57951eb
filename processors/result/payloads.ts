/** Parsed payloads. Small ones are kept as long as their row, since several expressions may read them; of large ones the last few. */
import { storedPayload } from '../../schemas/blob.ts'
import { type Json, parseJson } from '../../schemas/json.ts'
import type { OpenRun } from './open-run.ts'
import type { PayloadRow } from './run-store.ts'

const SMALL_LENGTH = 4096
const LARGE_KEPT = 4

interface Parsed {
  readonly row: PayloadRow
  readonly value: Json
}

const small = new WeakMap<PayloadRow, Json>()
/** The one parsed last comes first: a thousand steps that become ready together all look into the same few. */
const large: Parsed[] = []

/** @throws {PayloadAway} {PayloadLost} {SyntaxError} as for a payload beside the log */
export function parsePayload({ turn, head }: Pick<OpenRun, 'turn' | 'head'>, row: PayloadRow): Json {
  const known = isSmall(row) ? small.get(row) : large.find((parsed) => parsed.row === row)?.value
  if (known !== undefined) return known
  const value = parseJson(turn.payload(head.tenant, row.text))
  keepParsed(row, value)
  return value
}

/** Spares the parsing of a row whose value is known. */
export function keepParsed(row: PayloadRow, value: Json): void {
  if (isSmall(row)) {
    small.set(row, value)
    return
  }
  if (large.unshift({ row, value }) > LARGE_KEPT) large.pop()
}

function isSmall({ text }: PayloadRow): boolean {
  return text.length <= SMALL_LENGTH && storedPayload(text) === null
}
