/** What a task reads of one topic. */
import type { TaskTopic } from '../../schemas/topics.ts'
import type { LogRecord } from '../../topology/log/port.ts'
import type { Feed, StoredRecord } from '../kafka-client/contract.ts'
import { readError } from './errors.ts'
import { fromKafka, isHandled } from './record-mapping.ts'

const DRAIN_AT_ONCE = 2_000

export class TaskInbox {
  readonly topic: TaskTopic
  readonly #feed: Feed
  /** Taken from the feed by `drain` and not polled yet. */
  readonly #drained: StoredRecord[] = []
  #position: number

  constructor(topic: TaskTopic, feed: Feed, position: number) {
    this.topic = topic
    this.#feed = feed
    this.#position = position
  }

  /** Offset after the last record that was polled or passed over. */
  get position(): number {
    return this.#position
  }

  /** Where to read on if everything polled is done: behind what lies between records, too. */
  get settledPosition(): number {
    return this.#drained.length > 0 ? this.#position : Math.max(this.#position, this.#feed.position)
  }

  /** Handled records are passed over. @throws {LogError} */
  poll(max: number): readonly LogRecord[] {
    const found: LogRecord[] = []
    while (found.length < max) {
      const records = this.#next(max - found.length)
      if (records.length === 0) break
      for (const record of records) if (!isHandled(record)) found.push(fromKafka(this.topic, record))
      this.#position = records.at(-1)!.offset + 1
    }
    return found
  }

  /**
   * Takes over what the feed has, so that it goes on however much it may hold. Answers whether everything before `end` can be polled now.
   * @throws {LogError}
   */
  drain(end: number): boolean {
    while (this.#feed.position < end) {
      const records = this.#fromFeed(DRAIN_AT_ONCE)
      if (records.length === 0) break
      for (const record of records) this.#drained.push(record)
    }
    return this.#feed.position >= end
  }

  close(): void {
    this.#feed.close()
    this.#drained.length = 0
  }

  #next(max: number): readonly StoredRecord[] {
    return this.#drained.length > 0 ? this.#drained.splice(0, max) : this.#fromFeed(max)
  }

  #fromFeed(max: number): readonly StoredRecord[] {
    try {
      return this.#feed.poll(max)
    } catch (error) {
      throw readError(error)
    }
  }
}
