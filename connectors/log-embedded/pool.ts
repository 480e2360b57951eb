/** A member of a pool and the partitions it holds. Its records are seen before they are durable. */
import type { ExecuteTopic } from '../../schemas/topics.ts'
import {
  LogError,
  type LogRecord,
  type OutRecord,
  type PoolListener,
  type PoolPartition,
  type Progress,
} from '../../topology/log/port.ts'
import type { Member } from './assignment.ts'
import { Cursor, type Fetch } from './cursor.ts'
import type { Partition } from './partition.ts'
import type { Sequencer } from './sequencer.ts'
import { fencedError } from './task-log.ts'

export function poolMember(
  topic: ExecuteTopic,
  listener: PoolListener,
  sequencer: Sequencer,
  fetch: Fetch,
  readers: Set<EagerReader>,
): Member {
  const held = new Map<number, EmbeddedPoolPartition>()
  return {
    assign(item) {
      const partition = new EmbeddedPoolPartition(topic, item, sequencer, fetch)
      held.set(item, partition)
      readers.add(partition)
      listener.onAssigned(partition)
    },
    revoke: async (item) => listener.onRevoked(held.get(item)!),
    lost(item) {
      const partition = held.get(item)
      if (partition === undefined) return
      partition.end(fencedError(`partition ${item} of ${topic}`))
      readers.delete(partition)
      held.delete(item)
    },
  }
}

/** Somebody who sees records before they are durable. */
export interface EagerReader {
  /** It has read records that are gone since. */
  readonly readTooFar: boolean
  /** Ends it for that. */
  vanished(cause: LogError): void
}

class EmbeddedPoolPartition implements PoolPartition, EagerReader {
  readonly topic: ExecuteTopic
  readonly partition: number
  readonly progress: Progress
  readonly #sequencer: Sequencer
  readonly #cursor: Cursor
  readonly #source: Partition
  #told = false
  #listener: () => void = () => {}
  #ended: LogError | null = null

  constructor(topic: ExecuteTopic, partition: number, sequencer: Sequencer, fetch: Fetch) {
    this.topic = topic
    this.partition = partition
    this.#sequencer = sequencer
    const source = sequencer.partition(topic, partition)
    this.#source = source
    this.progress = source.progress
    this.#cursor = new Cursor(source, {
      position: Math.max(this.progress.next, source.first),
      eager: true,
      skipHandled: false,
      fetch,
      onRecords: () => this.#tell(),
      onDurable: () => this.#tell(),
      onError: (error) => this.end(error as LogError),
    })
  }

  poll(max: number): readonly LogRecord[] {
    if (this.#ended !== null) throw this.#ended
    return this.#cursor.poll(max)
  }

  get durableTo(): number {
    return this.#source.durable
  }

  get readTooFar(): boolean {
    return this.#ended === null && this.#cursor.position > this.#source.next
  }

  onRecords(listener: () => void): void {
    this.#listener = listener
  }

  #tell(): void {
    if (this.#told) return
    this.#told = true
    // Not at once: the appender is still at work
    queueMicrotask(() => {
      this.#told = false
      this.#listener()
    })
  }

  async report(results: readonly OutRecord[], progress: Progress): Promise<void> {
    if (this.#ended !== null) throw this.#ended
    const partition = this.#source
    // Losing progress only repeats steps, under the same attempt ids; so it need not be durable by itself
    if (results.length === 0) return this.#sequencer.submitLazily(partition, progress)
    await this.#sequencer.submit({ appends: results, progress: [partition, progress] }).done
  }

  vanished(cause: LogError): void {
    const what = `records of partition ${this.partition} of ${this.topic} that were read have vanished`
    this.end(new LogError('FENCED', `${what}: ${cause.message}`, { cause }))
  }

  end(error: LogError): void {
    if (this.#ended !== null) return
    this.#ended = error
    this.#cursor.close()
    // So that the owner finds out
    this.#tell()
  }
}
