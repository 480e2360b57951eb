/** Reads committed records of one partition, waiting at its end. */
import type { Topic } from '../../schemas/topics.ts'
import type { LogReader, LogRecord, ReadFrom } from '../../topology/log/port.ts'
import type { Feed, Fetcher } from '../kafka-client/contract.ts'
import { readError } from './errors.ts'
import { createSignal } from './feeds.ts'
import { fromKafka } from './record-mapping.ts'

export interface ReaderSource {
  readonly topic: Topic
  readonly partition: number
  /** The topic's name on the cluster. */
  readonly name: string
  readonly fetcher: Fetcher
  /** Where to begin, once it is known. */
  readonly start: Promise<number>
  /** What is taken for the position until then. */
  readonly assumedStart: number
  readonly onClose: () => void
}

export class KafkaLogReader implements LogReader {
  readonly #source: ReaderSource
  readonly #signal = createSignal()
  #feed: Feed | null = null
  #error: Error | null = null
  #closed = false
  #position: number

  constructor(source: ReaderSource) {
    this.#source = source
    this.#position = source.assumedStart
    source.start.then(
      (offset) => this.#open(offset),
      (error: unknown) => {
        this.#error = readError(error)
        this.#signal.raise()
      },
    )
  }

  get position(): number {
    return this.#feed === null ? this.#position : Math.max(this.#position, this.#feed.position)
  }

  async next(max: number): Promise<readonly LogRecord[]> {
    for (;;) {
      if (this.#closed) return []
      if (this.#error !== null) throw this.#error
      const records = this.#poll(max)
      if (records.length > 0) return records
      if (this.#hasMoved()) return []
      await this.#signal.wait()
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#position = this.position
    this.#feed?.close()
    this.#feed = null
    this.#source.onClose()
    this.#signal.raise()
  }

  #open(offset: number): void {
    if (this.#closed) return
    const { fetcher, name: topic, partition } = this.#source
    this.#position = offset
    this.#feed = fetcher.add({ topic, partition }, offset)
    this.#feed.onRecords(() => this.#signal.raise())
    this.#signal.raise()
  }

  #poll(max: number): readonly LogRecord[] {
    if (this.#feed === null) return []
    const { topic } = this.#source
    try {
      const records = this.#feed.poll(max)
      if (records.length > 0) this.#position = records.at(-1)!.offset + 1
      return records.map((record) => fromKafka(topic, record))
    } catch (error) {
      this.#error = readError(error)
      throw this.#error
    }
  }

  /** At the end, behind what is no record: whoever waits for a position is to be told. */
  #hasMoved(): boolean {
    const feed = this.#feed
    if (feed === null || feed.position <= this.#position || feed.position < feed.stableEnd) return false
    this.#position = feed.position
    return true
  }
}

type Find = (spec: 'first' | 'stable' | { readonly timeMs: number }) => Promise<number>

/** An offset above 0 is taken at its word: if it is gone, reading says so. 0 asks for all that is there. */
export async function startOf(from: ReadFrom, find: Find): Promise<number> {
  if (from === 'end') return find('stable')
  if (from === 'first') return find('first')
  if ('timeMs' in from) return find({ timeMs: Math.max(0, from.timeMs) })
  return from.offset === 0 ? find('first') : from.offset
}
