/** A pool's partition whose member sees records of its process before they are durable, as in the embedded log. */
import type { ExecuteTopic } from '../../schemas/topics.ts'
import { LogError, type LogRecord, type OutRecord, type PoolPartition, type Progress } from '../../topology/log/port.ts'
import type { MemoryClient } from './client.ts'
import { groupOf, isOwner } from './groups.ts'
import type { MemoryProcess, PoolReader } from './process.ts'
import { indexOfOffset, type PartitionLog, partitionLog } from './storage.ts'

const NOTHING: Progress = { next: 0, beyond: [] }

export class EagerPoolPartition implements PoolPartition, PoolReader {
  readonly topic: ExecuteTopic
  readonly partition: number
  readonly progress: Progress
  readonly #client: MemoryClient
  readonly #process: MemoryProcess
  readonly #generation: number
  readonly #log: PartitionLog
  readonly #forget: () => void
  #position: number
  #listener: () => void = () => {}
  #stops: (() => void)[] = []
  #ended: LogError | null = null

  constructor(
    client: MemoryClient,
    process: MemoryProcess,
    topic: ExecuteTopic,
    partition: number,
    generation: number,
  ) {
    this.#client = client
    this.#process = process
    this.topic = topic
    this.partition = partition
    this.#generation = generation
    this.#log = partitionLog(client.storage, topic, partition)
    this.progress = client.storage.progress.get(`${topic}/${partition}`) ?? NOTHING
    this.#position = this.progress.next
    this.#forget = process.follow(this)
  }

  get durableTo(): number {
    return this.#log.nextOffset
  }

  get readTooFar(): boolean {
    return this.#ended === null && this.#position > this.#process.nextOffset(this.topic, this.partition)
  }

  poll(max: number): readonly LogRecord[] {
    if (this.#ended !== null) throw this.#ended
    const index = indexOfOffset(this.#log, this.#position)
    const found = this.#log.records.slice(index, index + max)
    for (const record of this.#process.tail(this.#log)) {
      if (found.length >= max) break
      if (record.offset >= Math.max(this.#position, this.#log.nextOffset)) found.push(record)
    }
    if (found.length > 0) this.#position = found.at(-1)!.offset + 1
    return found
  }

  onRecords(listener: () => void): void {
    this.#listener = listener
    if (this.#stops.length === 0) this.#stops = [this.#process.listen(this.#log, () => this.advanced())]
  }

  advanced(): void {
    this.#client.notify(this.#listener)
  }

  async report(results: readonly OutRecord[], progress: Progress): Promise<void> {
    if (this.#ended !== null) throw this.#ended
    const group = groupOf(this.#client.storage.groups, this.topic)
    if (!isOwner(group, this.partition, this.#generation)) {
      throw new LogError('FENCED', `partition ${this.partition} of '${this.topic}' has another owner`)
    }
    const change = { appends: results, progress: { key: `${this.topic}/${this.partition}`, progress } }
    if (results.length === 0) return this.#process.submitLazily(change)
    await new Promise<void>((resolve, reject) => {
      const settle = (error: LogError | null) => (error === null ? resolve() : reject(error))
      this.#process.submit(change, { outside: false, settle })
    })
  }

  vanished(cause: LogError): void {
    const what = `records of partition ${this.partition} of '${this.topic}' that were read have vanished`
    this.#ended = new LogError('FENCED', `${what}: ${cause.message}`, { cause })
    this.advanced()
  }

  /** Ends the notifications. */
  release(): void {
    this.#forget()
    for (const stop of this.#stops.splice(0)) stop()
  }
}
