/** A valid record that is not accepted, and what becomes of it. */
import { encodeRecord } from '../../schemas/codec/wire.ts'
import { DEFAULT_TENANT, isRunId, isTenantId } from '../../schemas/ids.ts'
import { type Json, toJsonText } from '../../schemas/json.ts'
import type { SubmitRun } from '../../schemas/records/ingest.ts'
import type { ErrorInfo } from '../../schemas/records/shared.ts'
import type { SourceRecord, Turn } from '../turn.ts'

export type RefusalCode =
  | 'invalid_request'
  | 'invalid_run_id'
  | 'invalid_input'
  | 'input_too_large'
  | 'unknown_flow'
  | 'flow_deprecated'
  | 'idempotency_conflict'
  | 'run_id_conflict'

export interface Refusal {
  readonly code: RefusalCode
  readonly message: string
  readonly details: { readonly [name: string]: Json }
  /** The run id belongs to another submission, whose run must not be touched. */
  readonly idIsTaken?: true
}

/** Header of a refused submission that is appended again: the run id it came with has had its end, so it gets another. */
export const NEW_RUN_HEADER = 'beamline-new-run'

/** Answers whoever waits; where nobody does, the record becomes a dead letter, and the run id it promised an end. */
export function refuse(turn: Turn, record: SubmitRun, source: SourceRecord | null, refusal: Refusal): void {
  const { code, message, details } = refusal
  if (record.replyTo !== null) {
    turn.reply(record.replyTo, { ok: false, code, body: { message, details } })
    return
  }
  const error: ErrorInfo = {
    code: code.toUpperCase(),
    message,
    class: 'permanent',
    retryAfterMs: null,
    detail: toJsonText(details),
  }
  sendLetter(turn, record, source, error)
  if (refusal.idIsTaken !== true) rejectRun(turn, record, error)
}

/** Ends the run that a submission was promised, if it carried an id. */
export function rejectRun(turn: Turn, record: SubmitRun, error: ErrorInfo): void {
  const { runId, flow } = record
  if (runId === null || !isRunId(runId)) return
  const cause = { atMs: turn.now, causeTopic: turn.cause.topic, causeOffset: turn.cause.offset }
  const rejected = { kind: 'RunRejected', runId, tenant: knownTenant(record), ...cause, flow, error } as const
  turn.emit('events', turn.partition, rejected, runId)
}

function sendLetter(turn: Turn, record: SubmitRun, source: SourceRecord | null, error: ErrorInfo): void {
  const offset = source?.offset ?? turn.cause.offset
  // several refused records may stem from one cause, e.g. a replay of many
  const letterId = `ingest-${turn.partition}-${offset}-${turn.random().toString(16)}`
  turn.emit(
    'dlq',
    turn.partition,
    {
      kind: 'DeadLetter',
      letterId,
      tenant: knownTenant(record),
      category: 'record_refused',
      error,
      topic: 'ingest',
      partition: turn.partition,
      offset,
      run: null,
      record: {
        key: source?.key ?? null,
        value: source?.value ?? encodeRecord(record),
        headers: source?.headers ?? {},
      },
      parentLetterId: record.replay?.letterId || null,
      atMs: turn.now,
    },
    letterId,
  )
}

function knownTenant({ tenant }: SubmitRun) {
  return isTenantId(tenant) ? tenant : DEFAULT_TENANT
}
