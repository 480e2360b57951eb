/** A member of a pool and the partitions it holds. */
import type { ExecuteTopic } from '../../schemas/topics.ts'
import type { LogError, LogRecord, OutRecord, PoolListener, PoolPartition, Progress } from '../../topology/log/port.ts'
import type { Member } from './assignment.ts'
import { Cursor, type Fetch } from './cursor.ts'
import type { Sequencer } from './sequencer.ts'
import { fencedError } from './task-log.ts'

export function poolMember(topic: ExecuteTopic, listener: PoolListener, sequencer: Sequencer, fetch: Fetch): Member {
  const held = new Map<number, EmbeddedPoolPartition>()
  return {
    assign(item) {
      const partition = new EmbeddedPoolPartition(topic, item, sequencer, fetch)
      held.set(item, partition)
      listener.onAssigned(partition)
    },
    revoke: async (item) => listener.onRevoked(held.get(item)!),
    lost(item) {
      held.get(item)?.end(fencedError(`partition ${item} of ${topic}`))
      held.delete(item)
    },
  }
}

class EmbeddedPoolPartition implements PoolPartition {
  readonly topic: ExecuteTopic
  readonly partition: number
  readonly progress: Progress
  readonly #sequencer: Sequencer
  readonly #cursor: Cursor
  #listener: () => void = () => {}
  #ended: LogError | null = null

  constructor(topic: ExecuteTopic, partition: number, sequencer: Sequencer, fetch: Fetch) {
    this.topic = topic
    this.partition = partition
    this.#sequencer = sequencer
    const source = sequencer.partition(topic, partition)
    this.progress = source.progress
    this.#cursor = new Cursor(source, {
      position: Math.max(this.progress.next, source.first),
      eager: false,
      skipHandled: false,
      fetch,
      onRecords: () => queueMicrotask(() => this.#listener()),
      onError: (error) => this.end(error as LogError),
    })
  }

  poll(max: number): readonly LogRecord[] {
    if (this.#ended !== null) throw this.#ended
    return this.#cursor.poll(max)
  }

  onRecords(listener: () => void): void {
    this.#listener = listener
  }

  async report(results: readonly OutRecord[], progress: Progress): Promise<void> {
    if (this.#ended !== null) throw this.#ended
    const partition = this.#sequencer.partition(this.topic, this.partition)
    // Losing progress only repeats steps, under the same attempt ids; so it need not be durable by itself
    if (results.length === 0) return this.#sequencer.submitLazily(partition, progress)
    await this.#sequencer.submit({ appends: results, progress: [partition, progress] }).done
  }

  end(error: LogError): void {
    if (this.#ended !== null) return
    this.#ended = error
    this.#cursor.close()
    // So that the owner finds out
    queueMicrotask(() => this.#listener())
  }
}
