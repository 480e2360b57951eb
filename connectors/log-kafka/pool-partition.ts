/** One partition of a pool's topic while this process has it. */

import type { ExecuteTopic } from '../../schemas/topics.ts'
import type { LogError, LogRecord, OutRecord, PoolPartition, Progress } from '../../topology/log/port.ts'
import { encodeProgress } from '../../topology/log/progress-text.ts'
import type { Feed, GroupOffset, TopicPartition } from '../kafka-client/contract.ts'
import { readError } from './errors.ts'
import { fromKafka } from './record-mapping.ts'

export interface PoolPartitionSource {
  readonly topic: ExecuteTopic
  readonly place: TopicPartition
  readonly progress: Progress
  /** What was found wrong: nothing can be read. */
  readonly failure: LogError | null
  readonly feed: Feed | null
  append(records: readonly OutRecord[]): Promise<unknown>
  /** Resolves once the offset, or a later one of the partition, is committed. */
  commit(offset: GroupOffset): Promise<void>
  /** The same, without haste. */
  commitLazily(offset: GroupOffset): void
}

export class KafkaPoolPartition implements PoolPartition {
  readonly topic: ExecuteTopic
  readonly partition: number
  readonly progress: Progress
  readonly #source: PoolPartitionSource
  /** Offset after the last record that was polled. */
  #position: number
  #reported: Progress
  #stored: number
  #listener: () => void = () => {}
  #ended: LogError | null

  constructor(source: PoolPartitionSource) {
    this.topic = source.topic
    this.partition = source.place.partition
    this.progress = source.progress
    this.#source = source
    this.#position = source.progress.next
    this.#reported = source.progress
    this.#stored = source.progress.next
    this.#ended = source.failure
    source.feed?.onRecords(() => this.#listener())
  }

  poll(max: number): readonly LogRecord[] {
    if (this.#ended !== null) throw this.#ended
    try {
      const records = this.#source.feed!.poll(max)
      if (records.length > 0) this.#position = records.at(-1)!.offset + 1
      return records.map((record) => fromKafka(this.topic, record))
    } catch (error) {
      throw readError(error)
    }
  }

  onRecords(listener: () => void): void {
    this.#listener = listener
    if (this.#ended !== null) queueMicrotask(() => this.#listener())
  }

  async report(results: readonly OutRecord[], progress: Progress): Promise<void> {
    this.#checkOpen()
    if (results.length > 0) await this.#source.append(results)
    this.#checkOpen()
    this.#reported = progress
    // losing progress only repeats steps, under the same attempt ids
    if (results.length === 0) this.#source.commitLazily(this.#offset())
    else await this.#source.commit(this.#offset())
  }

  /** Moves the stored position past what is no record, if everything before it is done: see `KafkaTaskLog`. */
  settle(): void {
    const before = this.#stored
    if (this.#ended !== null) return
    const offset = this.#offset()
    if (offset.offset > before) this.#source.commitLazily(offset)
  }

  end(error: LogError): void {
    if (this.#ended !== null) return
    this.#ended = error
    this.#source.feed?.close()
    // so that the owner finds out
    queueMicrotask(() => this.#listener())
  }

  #offset(): GroupOffset {
    const progress = this.#reported
    const allDone = progress.beyond.length === 0 && progress.next >= this.#position
    this.#stored = allDone ? Math.max(progress.next, this.#source.feed?.position ?? 0) : progress.next
    return { ...this.#source.place, offset: this.#stored, metadata: encodeProgress(progress) }
  }

  #checkOpen(): void {
    if (this.#ended !== null) throw this.#ended
  }
}
