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
  /** The flow of its run where somebody has looked it up: kept here, since it is asked for more than once. */
  runFlow: string | undefined
  /** Of the record. */
  readonly sizeBytes: number
  /** Made when it is first asked for: most events are wanted by nobody. */
  readonly json: string
  /** Nobody has asked for the text so far: from now on the record's bytes are all that is kept to make it of. */
  keepBytes(): void
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
  return message === null || !isEvent(message) ? null : new ReadEvent(message, record)
}

type EventMessage = Extract<BeamlineRecord, { readonly kind: EventKind }>

class ReadEvent implements LiveEvent {
  readonly partition: number
  readonly offset: number
  readonly kind: EventKind
  readonly tenant: TenantId
  readonly runId: RunId | null
  readonly flow: string | null
  runFlow: string | undefined = undefined
  readonly #value: Uint8Array
  #message: EventMessage | null
  #json: string | null = null

  constructor(message: EventMessage, { partition, offset, value }: LogRecord) {
    this.partition = partition
    this.offset = offset
    this.kind = message.kind
    this.tenant = message.tenant
    this.runId = 'runId' in message ? message.runId : null
    this.flow = 'flow' in message ? message.flow : null
    this.#value = value
    this.#message = message
  }

  get sizeBytes(): number {
    return this.#value.length
  }

  get json(): string {
    this.#json ??= eventJson(this.#message ?? (decodeRecord(this.#value) as EventMessage), this.partition, this.offset)
    return this.#json
  }

  keepBytes(): void {
    this.#message = null
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

function isEvent(message: BeamlineRecord): message is EventMessage {
  return isEventKind(message.kind)
}
