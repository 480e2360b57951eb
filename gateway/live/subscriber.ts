/** One client of the stream: where it stands, what it wants, and what it is sent. */
import { type EventFilter, passesButForFlow } from './event-filter.ts'
import { encoded, eventText } from './event-text.ts'
import type { FlowNames } from './flow-names.ts'
import type { LiveEvent } from './live-event.ts'
import type { Outlet } from './outlet.ts'
import { positionId, type StreamPosition, samePosition } from './stream-position.ts'

/** Why a client has to look at the state anew instead of following on. */
export type SnapshotReason = 'slow_client' | 'too_old' | 'too_far_behind' | 'beyond_end' | 'other_log' | 'flow_unknown'

/** Clients of one filter hold the same pieces of memory. */
const MAX_HELD_BYTES = 512 << 10

/** What was sent to all since the client began to be brought up to a position. */
interface Held {
  readonly chunks: Uint8Array[]
  bytes: number
  /** Of the shared stream, where they end. */
  id: string
}

export class Subscriber {
  readonly filter: EventFilter
  readonly outlet: Outlet
  /** Everything before it was sent, or passed over by the filter; as long as the client is not sent what all are sent. */
  readonly position: number[]
  /** Of what all are sent, where the client stands; `null` as long as it has a position of its own. */
  #sharedId: string | null = null
  #held: Held | null = null
  #dismissed = false
  readonly #mark: string
  readonly #names: FlowNames

  constructor(filter: EventFilter, position: readonly number[], outlet: Outlet, mark: string, names: FlowNames) {
    this.filter = filter
    this.position = [...position]
    this.outlet = outlet
    this.#mark = mark
    this.#names = names
  }

  /** Tells the client where it stands before anything happens, so that it can be cut off at once and miss nothing. */
  greet(): void {
    this.outlet.open()
    this.outlet.write(encoded(`retry: 1000\nid: ${this.id}\n\n`))
  }

  /** It is sent what all are sent, now or once it has had what came before. */
  get isShared(): boolean {
    return this.#sharedId !== null || this.#held !== null
  }

  get id(): string {
    return this.#sharedId ?? positionId(this.#mark, this.position)
  }

  /** From now on it can be sent what all are sent, if it stands where they do. */
  joinAt(shared: StreamPosition): void {
    if (samePosition(this.position, shared)) this.#sharedId = positionId(this.#mark, shared)
  }

  sendShared(chunk: Uint8Array | null, idAfter: string): void {
    if (this.#held !== null) this.#hold(this.#held, chunk, idAfter)
    else {
      if (chunk !== null) this.outlet.write(chunk)
      this.#sharedId = idAfter
    }
  }

  /** From now on what all are sent is kept for it, while it is brought up to where they stand. */
  holdFrom(shared: StreamPosition): void {
    this.#held = { chunks: [], bytes: 0, id: positionId(this.#mark, shared) }
  }

  /** It has had everything before what was held, and is sent that. Returns false if it was too much to hold: then it is as far as it was brought. */
  release(): boolean {
    const held = this.#held
    this.#held = null
    if (held === null || held.bytes > MAX_HELD_BYTES) return false
    for (const chunk of held.chunks) this.outlet.write(chunk)
    this.#sharedId = held.id
    return true
  }

  #hold(held: Held, chunk: Uint8Array | null, idAfter: string): void {
    held.bytes += chunk?.length ?? 0
    held.id = idAfter
    if (held.bytes > MAX_HELD_BYTES) held.chunks.length = 0
    else if (chunk !== null) held.chunks.push(chunk)
  }

  wants(event: LiveEvent): boolean {
    const { flow } = this.filter
    return passesButForFlow(this.filter, event) && (flow === null || this.#names.of(event) === flow)
  }

  couldWant(events: readonly LiveEvent[]): boolean {
    return events.some((event) => passesButForFlow(this.filter, event))
  }

  /** Events of which the flow must be known before `wants` can tell. */
  undecided(events: readonly LiveEvent[]): readonly LiveEvent[] {
    if (this.filter.flow === null) return []
    return events.filter((event) => this.#names.of(event) === undefined && passesButForFlow(this.filter, event))
  }

  /** Sends what it has not had yet, under ids of its own, and moves on. */
  sendOwn(events: readonly LiveEvent[]): void {
    let text = ''
    for (const event of events) {
      if (event.offset < this.position[event.partition]!) continue
      this.position[event.partition] = event.offset + 1
      if (this.wants(event)) text += eventText(positionId(this.#mark, this.position), event)
    }
    if (text !== '') this.outlet.write(encoded(text))
  }

  /** It has gone, or was told to. */
  get isOver(): boolean {
    return this.#dismissed || this.outlet.gone
  }

  /** Says that there is a gap from where it stood to `now`, from where it may follow on once it has looked at the state. */
  requireSnapshot(reason: SnapshotReason, message: string, now: readonly number[]): void {
    this.#dismissed = true
    const id = positionId(this.#mark, now)
    const data = JSON.stringify({ reason, message, position: id })
    this.outlet.end(encoded(`event: snapshot_required\nid: ${id}\ndata: ${data}\n\n`))
  }
}
