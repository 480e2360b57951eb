/** One client of the stream: where it stands, what it wants, and what it is sent. */
import { type EventFilter, passesButForFlow } from './event-filter.ts'
import { encoded, eventText } from './event-text.ts'
import type { FlowNames } from './flow-names.ts'
import type { LiveEvent } from './live-event.ts'
import type { Outlet } from './outlet.ts'
import { positionId, type StreamPosition, samePosition } from './stream-position.ts'

/** Why a client has to look at the state anew instead of following on. */
export type SnapshotReason = 'slow_client' | 'too_old' | 'too_far_behind' | 'beyond_end' | 'other_log' | 'flow_unknown'

export class Subscriber {
  readonly filter: EventFilter
  readonly outlet: Outlet
  /** Everything before it was sent, or passed over by the filter; as long as the client is not sent what all are sent. */
  readonly position: number[]
  /** Of what all are sent, where the client stands; `null` as long as it has a position of its own. */
  #sharedId: string | null = null
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

  get isShared(): boolean {
    return this.#sharedId !== null
  }

  get id(): string {
    return this.#sharedId ?? positionId(this.#mark, this.position)
  }

  /** From now on it can be sent what all are sent, if it stands where they do. */
  joinAt(shared: StreamPosition): void {
    if (samePosition(this.position, shared)) this.#sharedId = positionId(this.#mark, shared)
  }

  sendShared(chunk: Uint8Array | null, idAfter: string): void {
    if (chunk !== null) this.outlet.write(chunk)
    this.#sharedId = idAfter
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

  /** Says that there is a gap from where it stood to `now`, from where it may follow on once it has looked at the state. */
  requireSnapshot(reason: SnapshotReason, message: string, now: readonly number[]): void {
    const id = positionId(this.#mark, now)
    const data = JSON.stringify({ reason, message, position: id })
    this.outlet.end(encoded(`event: snapshot_required\nid: ${id}\ndata: ${data}\n\n`))
  }
}
