/** The last events of the shared stream, for clients that join or come back: bounded in number and bytes. */
import type { LiveEvent } from './live-event.ts'
import type { StreamPosition } from './stream-position.ts'

export class RecentEvents {
  readonly #maxEvents: number
  readonly #maxBytes: number
  #events: LiveEvent[] = []
  /** Index of the oldest one. Those before it are dropped many at once. */
  #first = 0
  #bytes = 0
  /** Of each partition the offset from which on all events are here. */
  readonly #floor: number[]

  constructor(start: StreamPosition, maxEvents: number, maxBytes: number) {
    this.#floor = [...start]
    this.#maxEvents = maxEvents
    this.#maxBytes = maxBytes
  }

  add(event: LiveEvent): void {
    this.#events.push(event)
    this.#bytes += event.sizeBytes
    event.keepBytes()
    while (this.#events.length - this.#first > this.#maxEvents || this.#bytes > this.#maxBytes) {
      const oldest = this.#events[this.#first++]!
      this.#bytes -= oldest.sizeBytes
      this.#floor[oldest.partition] = oldest.offset + 1
    }
    if (this.#first * 2 < this.#events.length) return
    this.#events = this.#events.slice(this.#first)
    this.#first = 0
  }

  /** Whether nothing is missing between the position and the end. */
  covers(position: StreamPosition): boolean {
    return this.#floor.every((floor, partition) => position[partition]! >= floor)
  }

  /** In the order of the stream. The position must be covered. */
  since(position: StreamPosition): readonly LiveEvent[] {
    return this.#events.slice(this.#first).filter((event) => event.offset >= position[event.partition]!)
  }
}
