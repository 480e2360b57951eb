/** The one reader of each partition of `events` in this process: what it reads is decoded once, and made to text once for each filter that lets it through. */
import type { Environment } from '../../topology/environment.ts'
import type { Log, LogReader } from '../../topology/log/port.ts'
import type { EventFilter } from './event-filter.ts'
import { eventText } from './event-text.ts'
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

export interface TailBatch {
  /** In the order of the shared stream. */
  readonly events: readonly LiveEvent[]
  /** What is sent of them, by the filter's key; each event under the stream's position after it. */
  readonly texts: ReadonlyMap<string, string>
  /** The stream's position after all of them. */
  readonly id: string
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
  /** Filters of clients that let the event through. */
  readonly wanting: (event: LiveEvent) => readonly EventFilter[]
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
  /** Readers that have read what there was wait for it. */
  #round: PromiseWithResolvers<void> | null = null
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
    this.#readOn()
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
        // what comes meanwhile is read with one call, not with one for each transaction that brings some
        const hasAll = records.length < BATCH && this.#passing
        if (hasAll || this.#pending.length >= MAX_PENDING) await this.#nextRound()
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#options.environment.after(ms, resolve))
  }

  #nextRound(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    this.#round ??= Promise.withResolvers()
    return this.#round.promise
  }

  #readOn(): void {
    this.#round?.resolve()
    this.#round = null
  }

  async #passOn(): Promise<void> {
    const { environment, gatherMs, undecided, learn, publish } = this.#options
    this.#passing = true
    try {
      while (this.#pending.length > 0 && !this.#closed) {
        await this.#pause(gatherMs())
        this.#readOn()
        // they read what is in memory in the same turn
        await new Promise<void>((resolve) => environment.soon(resolve))
        const events = this.#pending
        this.#pending = []
        for (let open = undecided(events); open.length > 0; open = undecided(events)) await learn(open)
        if (!this.#closed) await publish(this.#advance(events))
      }
    } catch (error) {
      this.#fail(error)
    }
    this.#passing = false
    this.#readOn()
  }

  #advance(events: readonly LiveEvent[]): TailBatch {
    const { idOf, wanting } = this.#options
    const texts = new Map<string, string>()
    for (const event of events) {
      this.#position[event.partition] = event.offset + 1
      const filters = wanting(event)
      if (filters.length > 0) {
        const text = eventText(idOf(this.#position), event)
        for (const { key } of filters) texts.set(key, (texts.get(key) ?? '') + text)
      }
      this.recent.add(event)
    }
    return { events, texts, id: idOf(this.#position) }
  }
}
