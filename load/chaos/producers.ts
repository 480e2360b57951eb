/**
 * Writes to the topics past the gateways: submissions on `ingest`, as JSON and as records; poison; and copies of what lies on `ingest` and `result`, in another
 * order. A write without an answer is made again, so copies come of that, too.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { KafkaClient, KafkaRecord, StoredRecord } from '../../connectors/kafka-client/contract.ts'
import type { Names } from '../../connectors/log-kafka/names.ts'
import { encodeRecord } from '../../schemas/codec/wire.ts'
import { DEFAULT_TENANT, homeOf, newRunId, placementFor } from '../../schemas/ids.ts'
import { toJsonText } from '../../schemas/json.ts'
import { submission } from '../bench/submission.ts'
import { CRASH_FLOW_NAMES } from '../crash/flows.ts'
import type { Random } from '../process/random.ts'
import type { History } from './history.ts'
import type { Struck } from './struck.ts'

export interface ProducersOptions {
  readonly client: KafkaClient
  readonly names: Names
  readonly partitions: number
  readonly sinkUrl: string
  readonly history: History
  readonly random: Random
  readonly struck: Struck
  /** Between two batches, milliseconds. */
  readonly pauseMs: number
}

const BATCH = 4
const POISON = 0.02
/** Share of the records that are written again. */
const COPIED = 0.05
const KEPT_COPIES = 64
const POISONED = ['ingest', 'result', 'route', 'execute.io', 'dlq'] as const

export class Producers {
  readonly #options: ProducersOptions
  readonly #loops: Promise<void>[]
  #next = 0
  #copying = true
  #stopped = false

  constructor(options: ProducersOptions) {
    this.#options = options
    this.#loops = [this.#submit(), this.#copy()]
  }

  /** Nothing that was written before `resumeCopies` is copied after it. */
  pauseCopies(): void {
    this.#copying = false
  }

  resumeCopies(): void {
    this.#copying = true
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#loops)
  }

  async #submit(): Promise<void> {
    const { random, history, struck, pauseMs } = this.#options
    while (!this.#stopped) {
      const batch = Array.from({ length: BATCH }, () => this.#submission())
      const poison = random.share() < POISON * BATCH ? [this.#poison()] : []
      await this.#append([...batch.map(({ record }) => record), ...poison])
      struck.count('poison', poison.length)
      for (const { runId } of batch) if (runId !== null) history.submitted(runId, null)
      await pause(pauseMs * random.share() * 2)
    }
  }

  /** In turns: JSON with a key, JSON with a run id, a record with a run id. */
  #submission(): { readonly record: KafkaRecord; readonly runId: string | null } {
    const { random, names, partitions, sinkUrl } = this.#options
    const number = this.#next++
    const item = `ingest-${number}`
    const flow = CRASH_FLOW_NAMES[random.between(0, CRASH_FLOW_NAMES.length - 1)]!
    const input = { item, sink: sinkUrl }
    const topic = names.topic('ingest')
    const key = Buffer.from(item)
    if (number % 3 === 0) {
      const partition = placementFor(DEFAULT_TENANT, item, partitions) % partitions
      const value = Buffer.from(JSON.stringify({ flow, input }))
      return { record: { topic, partition, key, value, headers: [['idempotency_key', key]] }, runId: null }
    }
    const runId = newRunId(random.between(0, 0xffff), () => random.u32())
    const partition = homeOf(runId, partitions)
    const value =
      number % 3 === 1
        ? Buffer.from(JSON.stringify({ flow, input, run_id: runId }))
        : encodeRecord(submission(flow, toJsonText(input), runId, Date.now()))
    return { record: { topic, partition, key, value, headers: [] }, runId }
  }

  #poison(): KafkaRecord {
    const { random, names, partitions } = this.#options
    const topic = names.topic(POISONED[random.between(0, POISONED.length - 1)]!)
    const partition = random.between(0, partitions - 1)
    const shapes = [
      Buffer.from('{"flow": '),
      Buffer.from([0, 0, 0, 0x7f, 0xff, 1, 2, 3]),
      Buffer.from(Array.from({ length: random.between(1, 40) }, () => random.between(0, 255))),
      Buffer.from('{"flow":"chain","inptu":{}}'),
      null,
    ]
    return { topic, partition, key: null, value: shapes[random.between(0, shapes.length - 1)]!, headers: [] }
  }

  /** Follows `ingest` and `result` and writes some of their records again, later and in another order. */
  async #copy(): Promise<void> {
    const { client, names, partitions, random, struck } = this.#options
    const topics = [names.topic('ingest'), names.topic('result')]
    const places = topics.flatMap((topic) =>
      Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
    )
    const ends = await this.#insist(() => client.listOffsets(places, 'end'))
    if (ends === null) return
    const fetcher = client.createFetcher()
    try {
      const feeds = places.map((place) => fetcher.add(place, ends.get(`${place.topic}/${place.partition}`) ?? 0))
      let kept: KafkaRecord[] = []
      while (!this.#stopped) {
        for (const feed of feeds) {
          for (const record of feed.poll(500))
            if (isWorthCopying(record) && random.share() < COPIED) kept.push(copyOf(record))
        }
        kept = this.#copying ? kept.slice(-KEPT_COPIES) : []
        if (kept.length >= 8 && random.share() < 0.3) {
          const shuffled = shuffle(kept.splice(0, kept.length), random)
          await this.#append(shuffled)
          for (const { topic } of shuffled) struck.count(topic === topics[0] ? 'copies on ingest' : 'copies on result')
          struck.count('shuffled')
        }
        await pause(100)
      }
    } finally {
      await fetcher.close()
    }
  }

  async #append(records: readonly KafkaRecord[]): Promise<void> {
    await this.#insist(() => this.#options.client.append(records))
  }

  /** Tries until it succeeds; gives up half a minute after the end was asked for. */
  async #insist<T>(attempt: () => Promise<T>): Promise<T | null> {
    let giveUpAt = Number.POSITIVE_INFINITY
    for (;;) {
      try {
        return await attempt()
      } catch (error) {
        if (this.#stopped && giveUpAt === Number.POSITIVE_INFINITY) giveUpAt = performance.now() + 30_000
        if (performance.now() > giveUpAt) throw error
        await pause(100)
      }
    }
  }
}

/** What a task has handled in its own transaction is no message that could come twice; nor is poison copied. */
function isWorthCopying(record: StoredRecord): boolean {
  return (
    record.value !== null && record.value.length > 60 && record.headers.every(([name]) => name !== 'beamline-handled')
  )
}

/** What is polled is a view of a whole batch. */
function copyOf({ topic, partition, key, value, headers }: StoredRecord): KafkaRecord {
  return {
    topic,
    partition,
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: headers.map(([name, bytes]) => [name, Buffer.from(bytes)] as const),
  }
}

function shuffle<T>(items: T[], random: Random): T[] {
  for (let at = items.length - 1; at > 0; at--) {
    const other = random.between(0, at)
    const held = items[at]!
    items[at] = items[other]!
    items[other] = held
  }
  return items
}
