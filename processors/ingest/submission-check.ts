/** What a submission must be, whatever it asks for. Its form was checked when it was decoded; producers of Avro are not held to more than types. */
import { isRunId, isTenantId } from '../../schemas/ids.ts'
import { type Json, type JsonText, parseJson } from '../../schemas/json.ts'
import type { SubmitRun } from '../../schemas/records/ingest.ts'
import type { Refusal } from './refusal.ts'

/** Longest input, in characters; larger ones travel as blobs. */
export const MAX_INPUT_LENGTH = 1 << 20
const MAX_KEY_LENGTH = 512
const MAX_TRACEPARENT_LENGTH = 256

/** What must be right before the run's home can be told. */
export function checkIdentity({ tenant, runId }: SubmitRun): Refusal | null {
  if (!isTenantId(tenant)) {
    return invalid('tenant', tenant, 'up to 128 letters, digits and . _ : -, beginning with a letter or digit')
  }
  if (runId === null || isRunId(runId)) return null
  const message = `run id ${quoted(runId)} is none; expected a lower-case UUID of version 8`
  return { code: 'invalid_run_id', message, details: { path: 'run_id', found: shortened(runId) } }
}

export function checkFields(record: SubmitRun): Refusal | null {
  const { priority, version, idempotencyKey, stickyKey, traceparent } = record
  if (priority !== null && (priority < 0 || priority > 9))
    return invalid('priority', priority, 'an integer from 0 to 9')
  if (version !== null && version < 1) return invalid('version', version, 'an integer from 1')
  if (tooLong(idempotencyKey)) return invalid('idempotency_key', idempotencyKey, `1 to ${MAX_KEY_LENGTH} characters`)
  if (tooLong(stickyKey)) return invalid('sticky_key', stickyKey, `1 to ${MAX_KEY_LENGTH} characters`)
  if (traceparent !== null && traceparent.length > MAX_TRACEPARENT_LENGTH) {
    return invalid('traceparent', traceparent, `at most ${MAX_TRACEPARENT_LENGTH} characters`)
  }
  return record.metadata === null ? null : checkMetadata(record.metadata)
}

function tooLong(key: string | null): boolean {
  return key !== null && (key.length === 0 || key.length > MAX_KEY_LENGTH)
}

function checkMetadata(text: JsonText): Refusal | null {
  const metadata = parsed(text)
  if (typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata)) return null
  return invalid('metadata', text, 'a JSON object')
}

/** The input as a value, or why it cannot be one. `payload`: what the text stands for, if it is not the input itself. */
export function readInput(text: JsonText, payload: JsonText = text): { readonly value: Json } | Refusal {
  if (text.length > MAX_INPUT_LENGTH) {
    const message = `the input has ${text.length} characters; expected at most ${MAX_INPUT_LENGTH}`
    return { code: 'input_too_large', message, details: { path: 'input', length: text.length } }
  }
  const value = parsed(payload)
  return value === undefined ? { ...invalid('input', text, 'JSON'), code: 'invalid_input' } : { value }
}

function parsed(text: JsonText): Json | undefined {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}

function invalid(path: string, found: string | number | null, expected: string): Refusal {
  const shown = typeof found === 'string' ? quoted(found) : String(found)
  const details = { path, found: typeof found === 'string' ? shortened(found) : found, expected }
  return { code: 'invalid_request', message: `\`${path}\` is ${shown}; expected ${expected}`, details }
}

function quoted(text: string): string {
  return JSON.stringify(shortened(text))
}

function shortened(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}...` : text
}
