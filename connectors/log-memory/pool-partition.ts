/** One partition of a pool, held by one member of its group. */
import type { ExecuteTopic } from '../../schemas/topics.ts'
import { LogError, type LogRecord, type OutRecord, type PoolPartition, type Progress } from '../../topology/log/port.ts'
import type { MemoryClient } from './client.ts'
import { groupOf, isOwner } from './groups.ts'
import { indexOfOffset, partitionLog, writeRecords } from './storage.ts'

const NOTHING: Progress = { next: 0, beyond: [] }

export class MemoryPoolPartition implements PoolPartition {
  readonly topic: ExecuteTopic
  readonly partition: number
  readonly progress: Progress
  readonly #client: MemoryClient
  readonly #generation: number
  #position: number
  #unsubscribe: (() => void) | null = null

  constructor(client: MemoryClient, topic: ExecuteTopic, partition: number, generation: number) {
    this.#client = client
    this.topic = topic
    this.partition = partition
    this.#generation = generation
    this.progress = client.storage.progress.get(`${topic}/${partition}`) ?? NOTHING
    this.#position = this.progress.next
  }

  poll(max: number): readonly LogRecord[] {
    const log = partitionLog(this.#client.storage, this.topic, this.partition)
    const index = indexOfOffset(log, this.#position)
    const found = log.records.slice(index, index + max)
    if (found.length > 0) this.#position = found.at(-1)!.offset + 1
    return found
  }

  onRecords(listener: () => void): void {
    this.release()
    const { listeners } = partitionLog(this.#client.storage, this.topic, this.partition)
    const tell = () => this.#client.notify(listener)
    listeners.add(tell)
    this.#unsubscribe = () => listeners.delete(tell)
  }

  report(results: readonly OutRecord[], progress: Progress): Promise<void> {
    return this.#client.ask('report', () => this.#store(results, progress))
  }

  #isOwner(): boolean {
    return isOwner(groupOf(this.#client.storage.groups, this.topic), this.partition, this.#generation)
  }

  #fenced(): LogError {
    return new LogError('FENCED', `partition ${this.partition} of '${this.topic}' has another owner`)
  }

  /** Ends the notifications. */
  release(): void {
    this.#unsubscribe?.()
    this.#unsubscribe = null
  }

  #store(results: readonly OutRecord[], progress: Progress): void {
    const { storage, faults } = this.#client
    const owns = this.#isOwner()
    const fault = faults.report?.(owns) ?? 'none'
    const write = () => writeRecords(storage, results, this.#client.serverNow(), this.#client.gap)
    if (!owns) {
      if (fault === 'unfenced_results') write()
      throw this.#fenced()
    }
    if (fault === 'log_full') throw new LogError('LOG_FULL', 'the log is full', { retriable: true })
    const unknown = new LogError('OUTCOME_UNKNOWN', 'a report was not answered', { retriable: true })
    if (fault === 'lost') throw unknown
    write()
    if (fault === 'duplicate') write()
    storage.progress.set(`${this.topic}/${this.partition}`, progress)
    if (fault === 'applied_unknown') throw unknown
  }
}
