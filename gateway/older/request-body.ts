/**
 * The bodies of the older clients: the router's request, the gateway's, the one without a version, and the console's form. They are read as
 * the older router read them: what it does not know it passes over. Checked in its order: form, version, correlation, task, tenant.
 */
import type { TenantId } from '../../schemas/ids.ts'
import type { Json } from '../../schemas/json.ts'
import { type ErrorDetails, RequestError } from '../errors.ts'
import { parseBody } from '../http/body.ts'
import { checkOlderId, isOlderId } from './ids.ts'

export type Fields = { readonly [name: string]: Json | undefined }

export interface OlderRequest {
  /** The whole body. */
  readonly fields: Fields
  /** It speaks the router's language, and is answered in it. */
  readonly versioned: boolean
  readonly requestId: string | null
  readonly messageId: string | null
  readonly messageType: string | null
  readonly traceId: string | null
  readonly policyId: string | null
  readonly idempotencyKey: string | null
}

const MIN_PAYLOAD = 10
const MAX_PROMPT = 8_000
const MAX_TYPE = 128
const MAX_KEY = 240
const TRACE_ID = /^([0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})$/i
const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/i
const CORRELATION = ['run_id', 'flow_id', 'step_id'] as const
const CONTENT = ['task', 'message', 'payload', 'payload_ref', 'prompt', 'content', 'messages', 'text'] as const

/** @throws {RequestError} with the older systems' name for what is wrong */
export function readOlder(body: unknown, tenant: TenantId): OlderRequest {
  const fields = objectOf(body)
  const message = isObject(fields.message) ? fields.message : {}
  const versioned = fields.version !== undefined
  const requestId = idOf(fields, 'request_id')
  const messageId = idOf(fields, 'message_id') ?? idOf(message, 'message_id')
  const messageType = textOf(fields, 'message_type', MAX_TYPE) ?? textOf(message, 'message_type', MAX_TYPE)
  const policyId = textOf(fields, 'policy_id', MAX_TYPE)
  const idempotencyKey = textOf(fields, 'idempotency_key', MAX_KEY)
  checkForm(fields)
  checkVersion(fields)
  checkCorrelation(fields)
  checkTask(fields)
  checkSender(fields, tenant)
  const traceId = typeof fields.trace_id === 'string' ? fields.trace_id : null
  return { fields, versioned, requestId, messageId, messageType, traceId, policyId, idempotencyKey }
}

/** @throws {RequestError} */
export function objectOf(body: unknown): Fields {
  const value = body instanceof Uint8Array && body.length > 0 ? parseBody(body) : null
  if (isObject(value)) return value
  throw invalid('', value, 'an object')
}

export function isObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function checkForm(fields: Fields): void {
  if (!CONTENT.some((name) => fields[name] !== undefined)) {
    const message = `the body has none of ${CONTENT.join(', ')}; expected one of them`
    throw refused('SCHEMA_VALIDATION_FAILED', message, { path: '' })
  }
  const { prompt, temperature } = fields
  if (prompt !== undefined && (typeof prompt !== 'string' || prompt.length > MAX_PROMPT)) {
    throw invalid('prompt', prompt, `a text of at most ${MAX_PROMPT} characters`)
  }
  if (temperature === undefined || temperature === null) return
  if (typeof temperature === 'number' && temperature >= 0 && temperature <= 2) return
  throw invalid('temperature', temperature, 'a number from 0 to 2')
}

function checkVersion({ version, task }: Fields): void {
  if (version === undefined && task !== undefined) {
    throw refused('SCHEMA_VALIDATION_FAILED', '`version` is missing; expected "1"', { path: 'version' })
  }
  if (version === undefined || version === '1') return
  const found = JSON.stringify(version).slice(0, 100)
  throw refused('VERSION_UNSUPPORTED', `\`version\` is ${found}; expected "1"`, { path: 'version' })
}

function checkCorrelation(fields: Fields): void {
  const wrong = (path: string, expected: string): RequestError => {
    const found = JSON.stringify(fields[path] ?? null).slice(0, 100)
    return refused('CORRELATION_FIELDS_INVALID', `\`${path}\` is ${found}; expected ${expected}`, { path })
  }
  if (CORRELATION.some((name) => fields[name] != null)) {
    for (const name of CORRELATION) {
      const value = fields[name]
      if (typeof value === 'string' && (UUID_V4.test(value) || ULID.test(value))) continue
      throw wrong(name, `a UUID of version 4 or a ULID, as ${CORRELATION.join(', ')} come together`)
    }
  }
  const { trace_id: traceId } = fields
  if (traceId == null || (typeof traceId === 'string' && TRACE_ID.test(traceId))) return
  // the router alone was strict about it
  if (fields.version === undefined && isOlderId(traceId)) return
  throw wrong('trace_id', '32 hexadecimal digits or a UUID of version 4')
}

function checkTask({ task, request_id: requestId }: Fields): void {
  if (task === undefined) return
  if (requestId == null) {
    throw refused('SCHEMA_VALIDATION_FAILED', '`request_id` is missing; expected the id of the request', {
      path: 'request_id',
    })
  }
  if (!isObject(task)) throw invalid('task', task, 'an object')
  const { type, payload, payload_ref: reference } = task
  if (typeof type !== 'string' || type === '') throw invalid('task.type', type, 'a text')
  if (payload === undefined) {
    if (typeof reference === 'string' && reference !== '') return
    throw invalid('task.payload', payload, 'a payload, or task.payload_ref')
  }
  const size = Buffer.byteLength(typeof payload === 'string' ? payload : JSON.stringify(payload))
  if (size >= MIN_PAYLOAD) return
  const message = `\`task.payload\` has ${size} bytes; expected at least ${MIN_PAYLOAD}`
  throw refused('PAYLOAD_TOO_SMALL', message, { path: 'task.payload' })
}

function checkSender({ tenant_id: given }: Fields, tenant: TenantId): void {
  if (given == null || given === tenant) return
  const found = JSON.stringify(given).slice(0, 140)
  const message = `\`tenant_id\` is ${found}, but the request is made for ${JSON.stringify(tenant)}; expected the same`
  throw new RequestError('unauthorized', message, {
    details: { path: 'tenant_id' },
    intakeErrorCode: 'TENANT_FORBIDDEN',
  })
}

function idOf(fields: Fields, name: string): string | null {
  const value = fields[name]
  return value == null ? null : checkOlderId(name, value)
}

function textOf(fields: Fields, name: string, maxLength: number): string | null {
  const value = fields[name]
  if (value == null || value === '') return null
  if (typeof value === 'string' && value.length <= maxLength && value.isWellFormed()) return value
  throw invalid(name, value, `a text of at most ${maxLength} characters`)
}

export function invalid(path: string, found: Json | undefined, expected: string): RequestError {
  const shown = found === undefined ? 'missing' : JSON.stringify(found).slice(0, 100)
  const where = path === '' ? 'the body' : `\`${path}\``
  return refused('SCHEMA_VALIDATION_FAILED', `${where} is ${shown}; expected ${expected}`, { path, expected })
}

export function refused(intakeErrorCode: string, message: string, details: ErrorDetails): RequestError {
  return new RequestError('invalid_request', message, { details, intakeErrorCode })
}
