/** Whether what a patch makes of a letter would be accepted: one that would not is refused, so that the letter stays what it is. */
import { decodeIngest } from '../../schemas/codec/ingest-json.ts'
import { SubmissionError } from '../../schemas/codec/submission-error.ts'
import { DecodeError } from '../../schemas/codec/wire.ts'
import { DEFAULT_TENANT } from '../../schemas/ids.ts'
import type { JsonText } from '../../schemas/json.ts'
import { mergePatchText } from '../../schemas/merge-patch.ts'
import { findFlow } from '../control/flows.ts'
import { checkInput } from '../ingest/input-schema.ts'
import { readInput } from '../ingest/submission-check.ts'
import type { Turn } from '../turn.ts'
import type { LetterRecord, LetterRow, LetterRun } from './rows.ts'

/** The input with the patch applied. @throws {PayloadAway} */
export function patchedInput(turn: Turn, { tenant }: LetterRow, { input }: LetterRun, patch: JsonText): JsonText {
  return mergePatchText(turn.payload(tenant, input), patch)
}

/** What is wrong with the patched input of a run, as ingest would say it; `null`: nothing. @throws {PayloadAway | ControlBehind} */
export function problemOfPatchedRun(turn: Turn, row: LetterRow, run: LetterRun, patch: JsonText): string | null {
  return problemOfInput(turn, row.tenant, run.flow, run.version, patchedInput(turn, row, run, patch))
}

/** The same of the new value of a record. Only submissions have a form that can be told from here. @throws {ControlBehind} */
export function problemOfNewRecord(
  turn: Turn,
  { topic }: LetterRow,
  { headers }: LetterRecord,
  patch: JsonText,
): string | null {
  if (topic !== 'ingest') return null
  try {
    const record = decodeIngest(Buffer.from(patch), { headers, defaultTenant: DEFAULT_TENANT, nowMs: turn.now })
    if (record.kind !== 'SubmitRun') return null
    const { tenant, flow, version, input } = record
    return problemOfInput(turn, tenant, flow, version, input)
  } catch (error) {
    if (error instanceof SubmissionError || error instanceof DecodeError) return error.message
    throw error
  }
}

function problemOfInput(
  turn: Turn,
  tenant: string,
  name: string,
  version: number | null,
  text: JsonText,
): string | null {
  const input = readInput(text)
  if ('code' in input) return input.message
  const known = findFlow(turn, tenant, name, version)
  if (known === null) return `flow '${name}'${version === null ? '' : ` version ${version}`} is not known`
  return checkInput(known.flow, input.value)?.message ?? null
}
