/** A message as the older console knows it, read from the run that stands for it. */
import { type Json, parseJson } from '../../schemas/json.ts'
import type { RunStatus, RunView } from '../../topology/read-model/port.ts'
import { isObject } from './request-body.ts'

export const MESSAGE_STATUSES = ['pending', 'processing', 'completed', 'failed'] as const
export type MessageStatus = (typeof MESSAGE_STATUSES)[number]

export interface MessageView {
  readonly message_id: string
  readonly tenant_id: string
  readonly message_type: string | null
  readonly status: MessageStatus
  readonly payload: Json
  readonly metadata: Json
  readonly trace_id: string | null
  readonly provider_id: string | null
  readonly error: { readonly code: string; readonly message: string } | null
  readonly created_at_ms: number
  readonly updated_at_ms: number
  readonly timestamp_ms: number
  /** Where there is more about it. */
  readonly run_id: string
}

const STATUSES: { readonly [S in RunStatus]: MessageStatus } = {
  accepted: 'pending',
  running: 'processing',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'failed',
  timed_out: 'failed',
}
/** What the console's form sends in place of a payload. */
const FORM = ['prompt', 'temperature', 'content', 'messages', 'text', 'max_tokens', 'model'] as const

export function messageStatus(status: RunStatus): MessageStatus {
  return STATUSES[status]
}

/** `null` for a run that stands for no message. */
export function messageView(run: RunView): MessageView | null {
  const marks = objectIn(run.metadata)
  const { message_id: messageId, message_type: type, trace_id: traceId } = marks
  if (typeof messageId !== 'string') return null
  const fields = run.input?.kind === 'text' ? objectIn(run.input.text) : {}
  const output = run.output?.kind === 'text' ? objectIn(run.output.text) : {}
  return {
    message_id: messageId,
    tenant_id: run.tenant,
    message_type: typeof type === 'string' ? type : null,
    status: messageStatus(run.status),
    payload: payloadOf(fields),
    metadata: metadataOf(fields),
    trace_id: typeof traceId === 'string' ? traceId : null,
    provider_id: typeof output.provider_id === 'string' ? output.provider_id : null,
    error: errorOf(run),
    created_at_ms: run.acceptedAtMs,
    updated_at_ms: run.finishedAtMs ?? run.startedAtMs ?? run.acceptedAtMs,
    timestamp_ms: run.acceptedAtMs,
    run_id: run.runId,
  }
}

type Fields = { readonly [name: string]: Json | undefined }

function objectIn(text: RunView['metadata']): Fields {
  const value = text === null ? null : parseJson(text)
  return isObject(value) ? value : {}
}

function payloadOf(fields: Fields): Json {
  const { message, task } = fields
  if (fields.payload !== undefined) return fields.payload
  if (isObject(message)) return message.payload ?? null
  if (isObject(task)) return task.payload ?? null
  const given = FORM.filter((name) => fields[name] !== undefined).map((name) => [name, fields[name]!] as const)
  return given.length === 0 ? (message ?? null) : Object.fromEntries(given)
}

function metadataOf({ metadata, message }: Fields): Json {
  return metadata ?? (isObject(message) ? (message.metadata ?? null) : null)
}

function errorOf({ error, status, cancelReason }: RunView): MessageView['error'] {
  if (error !== null) {
    const { code, message } = parseJson(error) as { readonly code: string; readonly message: string }
    return { code, message }
  }
  if (status === 'cancelled') return { code: 'CANCELLED', message: cancelReason ?? 'cancelled' }
  return status === 'timed_out' ? { code: 'TIMEOUT', message: 'not done in time' } : null
}
