/** Events as the stream passes them on. */
import { DecodeError, decodeRecord } from '../../schemas/codec/wire.ts'
import type { RunId, TenantId } from '../../schemas/ids.ts'
import type { BeamlineRecord } from '../../schemas/records/index.ts'
import type { LogRecord } from '../../topology/log/port.ts'
import type { RunStatus } from '../../topology/read-model/port.ts'
import { type EventKind, eventJson, isEventKind } from './event-json.ts'

export { EVENT_KINDS, type EventKind } from './event-json.ts'

export interface LiveEvent {
  readonly partition: number
  readonly offset: number
  readonly kind: EventKind
  readonly tenant: TenantId
  /** `null` for a letter without a run, and for operations. */
  readonly runId: RunId | null
  /** The flow's name where the event itself carries it. */
  readonly flow: string | null
  readonly json: string
}

/** The status that a run has right after the event; `null` for events of dead letters and operations. */
export function statusAfter(kind: EventKind): RunStatus | null {
  switch (kind) {
    case 'RunAccepted':
      return 'accepted'
    case 'RunCompleted':
      return 'completed'
    case 'RunFailed':
    case 'RunRejected':
      return 'failed'
    case 'RunCancelled':
      return 'cancelled'
    case 'RunTimedOut':
      return 'timed_out'
    default:
      return kind.startsWith('Step') ? 'running' : null
  }
}

/** Whether a run has ended with it. */
export function isFinal(kind: EventKind): boolean {
  const status = statusAfter(kind)
  return status !== null && status !== 'accepted' && status !== 'running'
}

/** `null` for a record that is no event this version knows: a stream passes over it. */
export function liveEventOf(record: LogRecord): LiveEvent | null {
  const message = record.message ?? decoded(record.value)
  if (message === null || !isEvent(message)) return null
  return {
    partition: record.partition,
    offset: record.offset,
    kind: message.kind,
    tenant: message.tenant,
    runId: 'runId' in message ? message.runId : null,
    flow: 'flow' in message ? message.flow : null,
    json: eventJson(message, record.partition, record.offset),
  }
}

function decoded(value: Uint8Array): BeamlineRecord | null {
  try {
    return decodeRecord(value)
  } catch (error) {
    if (error instanceof DecodeError) return null
    throw error
  }
}

function isEvent(message: BeamlineRecord): message is Extract<BeamlineRecord, { readonly kind: EventKind }> {
  return isEventKind(message.kind)
}
