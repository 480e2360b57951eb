/**
 * What arrives on `ingest`: submissions, as at the gateway, in JSON with snake_case names or the wire form of `SubmitRun`; and `CancelRun`, in the
 * wire form only.
 */
import { didYouMean } from '../flow/nearest.ts'
import type { EpochMs, TenantId } from '../ids.ts'
import type { Json, JsonText } from '../json.ts'
import type { BeamlineRecord } from '../records/index.ts'
import type { SubmitRun } from '../records/ingest.ts'
import type { CancelRun } from '../records/result.ts'
import { jsonSyntaxError, tooDeepAt } from './json-scan.ts'
import { checkSubmission, MAX_INPUT_BYTES, MAX_JSON_DEPTH, MAX_METADATA_BYTES } from './submission-check.ts'
import { SubmissionError } from './submission-error.ts'
import { decodeUtf8, invalidUtf8At } from './utf8.ts'
import { DecodeError, decodeRecord } from './wire.ts'

export { SubmissionError, type SubmissionErrorCode } from './submission-error.ts'

export interface SubmissionContext {
  /** `tenant_id`, `idempotency_key` and `traceparent` (lower case) are honoured and beat what the payload says. */
  readonly headers: { readonly [name: string]: string } | null
  /** The tenant of a submission that names none. */
  readonly defaultTenant: TenantId
  /** When it arrived; 0 where that is not known yet. */
  readonly nowMs: EpochMs
}

/** Why the schema of a record is not known, as told by whoever asked the registry for it. */
export const SCHEMA_PROBLEM_HEADER = 'beamline-schema-problem'

const FIELDS = [
  'flow',
  'version',
  'input',
  'idempotency_key',
  'sticky_key',
  'priority',
  'metadata',
  'tenant',
  'run_id',
  'traceparent',
]
/** Room for the other fields beside the input and metadata. */
const MAX_BODY_BYTES = 2 * (MAX_INPUT_BYTES + MAX_METADATA_BYTES)

const BACKSLASH = 0x5c
/** Shorter ones are not worth the look. */
const LARGE_LENGTH = 8_192

function mayEscape<T>(text: { readonly length: number; includes(part: T): boolean }, backslash: T): boolean {
  return text.length < LARGE_LENGTH || text.includes(backslash)
}

/** Reads a submission in its JSON form, as bytes or already parsed. `text`: what the bytes say, if the caller knows. @throws {SubmissionError} */
export function parseSubmission(
  source: Uint8Array | Json,
  context: SubmissionContext,
  text: string | null = null,
): SubmitRun {
  const value = source instanceof Uint8Array ? parseBytes(source, text) : source
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SubmissionError(
      'NOT_A_SUBMISSION',
      '',
      'the submission is no JSON object; expected { "flow": ..., "input": ... }',
    )
  }
  const fields = value as { readonly [name: string]: Json }
  for (const name of Object.keys(fields)) {
    if (FIELDS.includes(name)) continue
    const hint = didYouMean(name, FIELDS) || `; expected one of ${FIELDS.join(', ')}`
    throw new SubmissionError('UNKNOWN_FIELD', name, `unknown field '${name}'${hint}`)
  }
  return checkSubmission(fields, context, !(source instanceof Uint8Array) || mayEscape(source, BACKSLASH))
}

/**
 * Reads a record of `ingest`: JSON if its first byte that is no white space is `{`, else the wire form.
 * @throws {SubmissionError | DecodeError}
 */
export function decodeIngest(value: Uint8Array, context: SubmissionContext): SubmitRun | CancelRun {
  if (beginsWithBrace(value)) return parseSubmission(value, context)
  const record = decodeAvro(value, context.headers)
  if (record.kind === 'CancelRun') return record
  if (record.kind !== 'SubmitRun') {
    throw new SubmissionError(
      'NOT_A_SUBMISSION',
      '',
      `the record is a ${record.kind}; expected a SubmitRun or CancelRun`,
    )
  }
  const { runId, replyTo, submittedAtMs, replay } = record
  const input = parseText(record.input, 'input')
  const checked = checkSubmission(
    {
      flow: record.flow,
      version: record.version,
      input,
      idempotency_key: record.idempotencyKey,
      sticky_key: record.stickyKey,
      priority: record.priority,
      metadata: record.metadata === null ? null : parseText(record.metadata, 'metadata'),
      tenant: record.tenant === '' ? null : record.tenant,
      run_id: runId,
      traceparent: record.traceparent,
    },
    { ...context, nowMs: submittedAtMs },
    mayEscape(record.input, '\\'),
  )
  const decoded = { ...checked, replyTo, replay }
  parsedInputs.set(decoded, { input: decoded.input, value: input })
  return decoded
}

const parsedInputs = new WeakMap<SubmitRun, { readonly input: JsonText; readonly value: Json }>()

/** The input of a record that {@link decodeIngest} has read, parsed, unless it has to be parsed again. */
export function parsedInputOf(record: SubmitRun): { readonly value: Json } | null {
  const parsed = parsedInputs.get(record)
  return parsed?.input === record.input ? parsed : null
}

function decodeAvro(value: Uint8Array, headers: SubmissionContext['headers']): BeamlineRecord {
  try {
    return decodeRecord(value)
  } catch (error) {
    const problem = headers?.[SCHEMA_PROBLEM_HEADER]
    if (problem === undefined || !(error instanceof DecodeError) || error.code !== 'SCHEMA_UNKNOWN') throw error
    throw new DecodeError('SCHEMA_UNKNOWN', problem, { cause: error })
  }
}

function beginsWithBrace(value: Uint8Array): boolean {
  for (const byte of value) {
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) return byte === 0x7b
  }
  return false
}

function parseBytes(bytes: Uint8Array, known: string | null): Json {
  if (bytes.length > MAX_BODY_BYTES) {
    const message = `the submission has ${bytes.length} bytes; expected at most ${MAX_BODY_BYTES}`
    throw new SubmissionError('TOO_LARGE', '', message)
  }
  const text = known ?? decodeUtf8(bytes)
  if (text === null) {
    const message = `the submission is not valid UTF-8 at byte ${invalidUtf8At(bytes)}; expected UTF-8 text`
    throw new SubmissionError('INVALID_UTF8', '', message)
  }
  try {
    return JSON.parse(text) as Json
  } catch {
    // what has no end is often too deep, and would be searched for its fault level by level
    const deep = tooDeepAt(bytes, MAX_JSON_DEPTH)
    if (deep < 0) return parseText(text, '')
    const message = `lists and objects are nested deeper than ${MAX_JSON_DEPTH} levels at byte ${deep}`
    throw new SubmissionError('TOO_DEEP', '', message)
  }
}

function parseText(text: string, path: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch (cause) {
    const fault = jsonSyntaxError(text)
    const what =
      fault === null
        ? (cause as Error).message
        : `found ${fault.found} at line ${fault.line}, column ${fault.column}; expected ${fault.expected}`
    throw new SubmissionError('INVALID_JSON', path, `${path === '' ? 'the submission' : path} is not JSON: ${what}`, {
      cause,
    })
  }
}
