/** The one reader of each partition of `events` in this process: what it reads is decoded and made to text once, for all clients. */
import type { Environment } from '../../topology/environment.ts'
import type { Log, LogReader } from '../../topology/log/port.ts'
import { type LiveEvent, liveEventOf } from './live-event.ts'
import { RecentEvents } from './recent-events.ts'
import type { StreamPosition } from './stream-position.ts'

const BATCH = 500
/** Reading waits while this many events are to be passed on. */
const MAX_PENDING = 5_000
const LOOK_AGAIN_MS = 5
/** For clients that join and those that were cut off for a moment. More would grow old in memory, which costs more than reading them again now and then. */
const MAX_RECENT = 4_096
const MAX_RECENT_BYTES = 8 << 20

/** Events in the order of the shared stream, each with the stream's position after it. */
export interface TailBatch {
  readonly events: readonly LiveEvent[]
  readonly ids: readonly string[]
}

export interface TailOptions {
  readonly log: Log
  readonly environment: Environment
  /** Where each partition begins. */
  readonly start: StreamPosition
  readonly idOf: (position: StreamPosition) => string
  /** How long events are gathered before they are passed on as one, in milliseconds. */
  readonly gatherMs: () => number
  /** Told of every event as soon as it is read. */
  readonly onEvent: (event: LiveEvent) => void
  /** Those of the next events that some client cannot judge before `learn` was called for them. */
  readonly undecided: (events: readonly LiveEvent[]) => readonly LiveEvent[]
  readonly learn: (events: readonly LiveEvent[]) => Promise<void>
  /** The stream has moved on. The next batch comes once the promise settles. */
  readonly publish: (batch: TailBatch) => Promise<void>
  /** It has ended by itself. */
  readonly onFailure: (error: unknown) => void
}

export class EventTail {
  readonly #options: TailOptions
  readonly #readers: readonly LogReader[]
  readonly #position: number[]
  readonly recent: RecentEvents
  #pending: LiveEvent[] = []
  #space: PromiseWithResolvers<void> | null = null
  #passing = false
  #closed = false

  constructor(options: TailOptions) {
    this.#options = options
    this.#position = [...options.start]
    this.recent = new RecentEvents(options.start, MAX_RECENT, MAX_RECENT_BYTES)
    this.#readers = options.start.map((offset, partition) => options.log.read('events', partition, { offset }))
    for (const reader of this.#readers) void this.#follow(reader)
  }

  /** Where the shared stream stands: `recent` ends here. */
  get position(): StreamPosition {
    return this.#position
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const reader of this.#readers) reader.close()
    this.#space?.resolve()
  }

  #fail(error: unknown): void {
    if (this.#closed) return
    this.close()
    this.#options.onFailure(error)
  }

  async #follow(reader: LogReader): Promise<void> {
    try {
      while (!this.#closed) {
        const records = await reader.next(BATCH)
        if (this.#closed) return
        // it has moved on over what is no record, or the log was closed, which ends this soon
        if (records.length === 0) await this.#pause(LOOK_AGAIN_MS)
        for (const record of records) {
          const event = liveEventOf(record)
          if (event === null) continue
          this.#options.onEvent(event)
          this.#pending.push(event)
        }
        if (this.#pending.length > 0 && !this.#passing) void this.#passOn()
        if (this.#pending.length >= MAX_PENDING) await this.#spaceAgain()
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#options.environment.after(ms, resolve))
  }

  #spaceAgain(): Promise<void> {
    this.#space ??= Promise.withResolvers()
    return this.#space.promise
  }

  async #passOn(): Promise<void> {
    const { gatherMs, undecided, learn, publish } = this.#options
    this.#passing = true
    try {
      while (this.#pending.length > 0 && !this.#closed) {
        await this.#pause(gatherMs())
        const events = this.#pending
        this.#pending = []
        this.#space?.resolve()
        this.#space = null
        for (let open = undecided(events); open.length > 0; open = undecided(events)) await learn(open)
        if (!this.#closed) await publish({ events, ids: this.#advance(events) })
      }
    } catch (error) {
      this.#fail(error)
    }
    this.#passing = false
  }

  #advance(events: readonly LiveEvent[]): readonly string[] {
    return events.map((event) => {
      this.#position[event.partition] = event.offset + 1
      this.recent.add(event)
      return this.#options.idOf(this.#position)
    })
  }
}
