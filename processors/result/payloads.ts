/** Parsed payloads. The last few are kept: what is decided next about a run mostly reads what was just read, and more would only fill the memory. */
import { type Json, parseJson } from '../../schemas/json.ts'
import type { OpenRun } from './open-run.ts'
import type { PayloadRow } from './run-store.ts'

const KEPT = 8

interface Parsed {
  readonly row: PayloadRow
  readonly value: Json
}

/** The one read last comes first: a thousand steps that become ready together all look into the same few. */
const recent: Parsed[] = []

/** @throws {PayloadAway} {PayloadLost} {SyntaxError} as for a payload beside the log */
export function parsePayload({ turn, head }: Pick<OpenRun, 'turn' | 'head'>, row: PayloadRow): Json {
  const at = recent.findIndex((parsed) => parsed.row === row)
  if (at < 0) {
    const value = parseJson(turn.payload(head.tenant, row.text))
    keepParsed(row, value)
    return value
  }
  const known = recent[at]!
  if (at > 0) {
    recent.splice(at, 1)
    recent.unshift(known)
  }
  return known.value
}

/** Spares the parsing of a row whose value is known. */
export function keepParsed(row: PayloadRow, value: Json): void {
  if (recent.unshift({ row, value }) > KEPT) recent.pop()
}
