/** The fields of a submission, each checked, with its JSON names. */
import { FLOW_NAME_FORM, isFlowName } from '../flow/flow-name.ts'
import { isRunId, isTenantId } from '../ids.ts'
import { type Json, type JsonText, toJsonText, toJsonTextUnescaped } from '../json.ts'
import type { SubmitRun } from '../records/ingest.ts'
import type { SubmissionContext } from './ingest-json.ts'
import { SubmissionError } from './submission-error.ts'

/** Of a run's input as JSON text. */
export const MAX_INPUT_BYTES = 1 << 20
/** Of a run's metadata as JSON text. */
export const MAX_METADATA_BYTES = 16 * 1024
/** Levels of lists and objects in a submission or an input. */
export const MAX_JSON_DEPTH = 100
/** Of idempotency and sticky keys. */
export const MAX_KEY_LENGTH = 256
const MAX_VERSION = 2 ** 31 - 1

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

type Fields = { readonly [name: string]: Json | undefined }

/** `escapes`: there may be some in the JSON text that the fields were parsed from. @throws {SubmissionError} */
export function checkSubmission(fields: Fields, context: SubmissionContext, escapes = true): SubmitRun {
  const headers = context.headers
  const tenant = headers?.tenant_id ?? fields.tenant ?? context.defaultTenant
  const runId = fields.run_id ?? null
  const flow = fields.flow
  if (flow === undefined)
    throw new SubmissionError('MISSING_FIELD', 'flow', "the submission has no 'flow'; expected the name of a flow")
  if (typeof flow !== 'string' || !isFlowName(flow)) throw invalid('flow', flow, FLOW_NAME_FORM)
  if (typeof tenant !== 'string' || !isTenantId(tenant)) {
    throw invalid(
      headers?.tenant_id === undefined ? 'tenant' : 'header tenant_id',
      tenant,
      'up to 128 letters, digits, dots, colons, hyphens or underscores, beginning with a letter or digit',
    )
  }
  if (runId !== null && (typeof runId !== 'string' || !isRunId(runId))) {
    throw invalid('run_id', runId, 'a lower-case UUID of version 8, such as 3f2a0000-0000-8000-8000-000000000000')
  }
  return {
    kind: 'SubmitRun',
    runId,
    tenant,
    flow,
    version: integer('version', fields.version, 1, MAX_VERSION),
    input: payload('input', fields.input ?? null, MAX_INPUT_BYTES, escapes),
    idempotencyKey:
      headers?.idempotency_key === undefined
        ? key('idempotency_key', fields.idempotency_key)
        : key('header idempotency_key', headers.idempotency_key),
    stickyKey: key('sticky_key', fields.sticky_key),
    priority: integer('priority', fields.priority, 0, 9),
    metadata: metadata(fields.metadata),
    traceparent: traceparent(headers?.traceparent, fields.traceparent),
    replyTo: null,
    submittedAtMs: context.nowMs,
    replay: null,
  }
}

function invalid(path: string, found: unknown, expected: string): SubmissionError {
  const shown =
    typeof found === 'string' ? `'${found.slice(0, 80)}'` : typeof found === 'object' ? kindOf(found) : String(found)
  return new SubmissionError('INVALID_FIELD', path, `${path} is ${shown}; expected ${expected}`)
}

const kindOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'a list' : 'an object')

function integer(path: string, value: Json | undefined, min: number, max: number): number | null {
  if (value == null) return null
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number
  throw invalid(path, value, `a whole number from ${min} to ${max}`)
}

function key(path: string, value: Json | undefined): string | null {
  if (value == null) return null
  if (typeof value === 'string' && value !== '' && value.length <= MAX_KEY_LENGTH && value.isWellFormed()) return value
  throw invalid(path, value, `1 to ${MAX_KEY_LENGTH} characters`)
}

function metadata(value: Json | undefined): JsonText | null {
  if (value == null) return null
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid('metadata', value, 'a JSON object')
  return payload('metadata', value, MAX_METADATA_BYTES)
}

/** A trace header that is none is passed over, as its specification asks for; in the payload it is an error. */
function traceparent(header: string | undefined, field: Json | undefined): string | null {
  if (header !== undefined && TRACEPARENT.test(header)) return header
  if (field == null) return null
  if (typeof field === 'string' && TRACEPARENT.test(field)) return field
  throw invalid(
    'traceparent',
    field,
    'a W3C trace parent such as 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  )
}

function payload(path: string, value: Json, maxBytes: number, escapes = true): JsonText {
  if (isDeeper(value, MAX_JSON_DEPTH)) {
    throw new SubmissionError('TOO_DEEP', path, `${path} is nested deeper than ${MAX_JSON_DEPTH} levels`)
  }
  const text = escapes ? toJsonText(value) : toJsonTextUnescaped(value)
  const bytes = sizeAgainst(text, maxBytes)
  if (bytes > maxBytes) {
    throw new SubmissionError('TOO_LARGE', path, `${path} has ${bytes} bytes as JSON; expected at most ${maxBytes}`)
  }
  // Only half pairs are written as escapes of this form (or texts that look like one).
  if (text.includes('\\ud') && hasLoneSurrogate(value)) {
    throw new SubmissionError(
      'LONE_SURROGATE',
      path,
      `${path} holds half of a surrogate pair; expected whole characters`,
    )
  }
  return text
}

const MAX_BYTES_PER_UNIT = 3

/** Length of the text in UTF-8, counted only where it may be beyond the bound. */
function sizeAgainst(text: string, bound: number): number {
  const surelyWithin = text.length * MAX_BYTES_PER_UNIT <= bound
  return surelyWithin || text.length > bound ? text.length : Buffer.byteLength(text)
}

function isDeeper(value: Json, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levels === 0) return true
  if (Array.isArray(value)) return (value as Json[]).some((item) => isDeeper(item, levels - 1))
  for (const name in value) if (isDeeper((value as { readonly [key: string]: Json })[name]!, levels - 1)) return true
  return false
}

function hasLoneSurrogate(value: Json): boolean {
  if (typeof value === 'string') return !value.isWellFormed()
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([name, member]) => !name.isWellFormed() || hasLoneSurrogate(member as Json))
}
