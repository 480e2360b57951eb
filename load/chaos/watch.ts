/** Follows `events` while everything goes on: which runs are open, and how long nothing has ended. For waiting and measuring; the checker reads for itself. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Feed, Fetcher, KafkaClient } from '../../connectors/kafka-client/contract.ts'
import type { Names } from '../../connectors/log-kafka/names.ts'
import { decodeRecord } from '../../schemas/codec/wire.ts'

export interface Gap {
  readonly partition: number
  /** `performance.now()` of the last event before it and the first after it. */
  readonly from: number
  readonly to: number
}

const ENDS: ReadonlySet<string> = new Set(['RunCompleted', 'RunFailed', 'RunCancelled', 'RunTimedOut', 'RunRejected'])
const MIN_GAP_MS = 250
const POLL_MS = 10

export class Watch {
  /** Accepted and not ended. */
  readonly open = new Set<string>()
  readonly ended = new Set<string>()
  /** In which no event came. */
  readonly gaps: Gap[] = []
  /** In which no run ended, in any partition. */
  readonly stillness: Gap[] = []
  lastEndAt = performance.now()
  readonly #lastAt: number[]
  readonly #fetcher: Fetcher
  readonly #loop: Promise<void>
  #stopped = false

  constructor(client: KafkaClient, names: Names, partitions: number) {
    this.#lastAt = Array.from({ length: partitions }, () => performance.now())
    this.#fetcher = client.createFetcher({ maxWaitMs: 100 })
    const topic = names.topic('events')
    const feeds = this.#lastAt.map((_, partition) => this.#fetcher.add({ topic, partition }, 0))
    this.#loop = this.#follow(feeds)
  }

  /** `performance.now()` of the last event in the partition. */
  lastAt(partition: number): number {
    return this.#lastAt[partition]!
  }

  /** Waits until every partition has shown an event since `since`. False if that takes longer. */
  async movedSince(since: number, withinMs: number): Promise<boolean> {
    const until = performance.now() + withinMs
    while (this.#lastAt.some((at) => at <= since)) {
      if (performance.now() > until) return false
      await pause(POLL_MS)
    }
    return true
  }

  /** Of the gaps that began at most `slackMs` after `at`: how long after `at` the last one ended, milliseconds. */
  outageAfter(at: number, slackMs = 300): number {
    const hit = this.gaps.filter(({ from, to }) => from <= at + slackMs && to > at)
    return Math.max(0, ...hit.map(({ to }) => to - at))
  }

  /** The longest time without any end between two moments, milliseconds. */
  longestStillness(from: number, to: number): number {
    const within = this.stillness.filter((gap) => gap.to > from && gap.from < to)
    const open = to > this.lastEndAt ? to - Math.max(from, this.lastEndAt) : 0
    return Math.max(0, open, ...within.map((gap) => gap.to - gap.from))
  }

  async close(): Promise<void> {
    this.#stopped = true
    await this.#loop
    await this.#fetcher.close()
  }

  async #follow(feeds: readonly Feed[]): Promise<void> {
    while (!this.#stopped) {
      for (const feed of feeds) {
        const records = feed.poll(1_000)
        if (records.length === 0) continue
        const now = performance.now()
        this.#note(this.gaps, feed.partition, this.#lastAt[feed.partition]!, now)
        this.#lastAt[feed.partition] = now
        for (const { value } of records) this.#event(value!, now)
      }
      await pause(POLL_MS)
    }
  }

  #event(value: Uint8Array, now: number): void {
    const event = decodeRecord(value)
    if (!('runId' in event)) return
    const runId = String(event.runId)
    if (event.kind === 'RunAccepted') this.open.add(runId)
    if (!ENDS.has(event.kind)) return
    this.open.delete(runId)
    this.ended.add(runId)
    this.#note(this.stillness, -1, this.lastEndAt, now)
    this.lastEndAt = now
  }

  #note(gaps: Gap[], partition: number, from: number, to: number): void {
    if (to - from >= MIN_GAP_MS) gaps.push({ partition, from, to })
  }
}
