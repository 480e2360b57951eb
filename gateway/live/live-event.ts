/**
 * Events as clients see them: JSON in snake case, without payloads (their sizes instead), so that one event costs about the same whatever its run carries.
 */
import { DecodeError, decodeRecord } from '../../schemas/codec/wire.ts'
import type { RunId, TenantId } from '../../schemas/ids.ts'
import * as events from '../../schemas/records/events.ts'
import type { BeamlineRecord, EventRecord } from '../../schemas/records/index.ts'
import type { ErrorInfo } from '../../schemas/records/shared.ts'
import type { LogRecord } from '../../topology/log/port.ts'
import type { RunStatus } from '../../topology/read-model/port.ts'

export type EventKind = EventRecord['kind']

export const EVENT_KINDS: readonly EventKind[] = Object.values(events).map((definition) => definition.kind)
const KINDS: ReadonlySet<string> = new Set(EVENT_KINDS)

export interface LiveEvent {
  readonly partition: number
  readonly offset: number
  readonly kind: EventKind
  readonly tenant: TenantId
  /** `null` for a letter without a run. */
  readonly runId: RunId | null
  /** The flow's name where the event itself carries it. */
  readonly flow: string | null
  readonly json: string
}

/** The status that a run has right after the event; `null` for events of dead letters. */
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
      return kind.startsWith('Letter') ? null : 'running'
  }
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
    runId: message.runId,
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

function isEvent(message: BeamlineRecord): message is Extract<BeamlineRecord, { readonly kind: EventKind }> & Common {
  return KINDS.has(message.kind)
}

interface Common {
  readonly tenant: TenantId
  readonly runId: RunId | null
}

/** Payloads and metadata, told by their sizes. */
const SIZED: ReadonlySet<string> = new Set(['input', 'output', 'metadata'])
const NAMES = new Map<string, string>([['tenant', 'tenant_id']])

function eventJson(message: BeamlineRecord, partition: number, offset: number): string {
  const shown: { [name: string]: unknown } = {}
  for (const [field, value] of Object.entries(message)) {
    if (SIZED.has(field)) {
      shown[`${field}_bytes`] = value === null ? null : Buffer.byteLength(value as string)
    } else shown[snakeCase(field)] = field === 'error' ? errorShown(value as ErrorInfo | null) : value
  }
  // A letter says which record it keeps by fields of these names, so the event's own place is one text.
  shown['position'] = `events/${partition}/${offset}`
  return JSON.stringify(shown)
}

function errorShown(error: ErrorInfo | null): object | null {
  return error === null ? null : { code: error.code, message: error.message, class: error.class }
}

function snakeCase(name: string): string {
  let known = NAMES.get(name)
  if (known === undefined) {
    known = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    NAMES.set(name, known)
  }
  return known
}
