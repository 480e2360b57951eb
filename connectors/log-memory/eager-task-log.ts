/** The owner of a task that sees records of its process before they are durable, as in the embedded log. */
import { TASK_TOPICS, type TaskTopic } from '../../schemas/topics.ts'
import {
  type CommitRequest,
  type CommitResult,
  LogError,
  type LogRecord,
  type TaskLog,
  type TaskStart,
} from '../../topology/log/port.ts'
import { type ChangelogPart, readChangelog } from './changelog.ts'
import type { MemoryClient } from './client.ts'
import type { MemoryProcess, Owner } from './process.ts'
import { indexOfOffset, partitionLog } from './storage.ts'

export class EagerTaskLog implements TaskLog, Owner {
  readonly taskId: number
  readonly start: TaskStart
  readonly maxOutstanding: number
  /** Grows with every owner. */
  readonly epoch: number
  readonly #client: MemoryClient
  readonly #process: MemoryProcess
  readonly #read: Map<TaskTopic, number>
  readonly #outstanding = new Set<Promise<unknown>>()
  #stops: (() => void)[] = []
  #listener: () => void = () => {}
  #told = false
  #ended: LogError | null = null

  constructor(client: MemoryClient, process: MemoryProcess, taskId: number, epoch: number) {
    const state = client.storage.tasks[taskId]!
    this.#client = client
    this.#process = process
    this.epoch = epoch
    this.taskId = taskId
    this.maxOutstanding = client.storage.options.maxOutstanding ?? 8
    this.start = {
      committed: new Map(state.committed),
      changelogPosition: state.position,
      changelogFirst: state.foldedTo,
    }
    this.#read = new Map(this.start.committed)
    this.#stops = TASK_TOPICS.map((topic) => process.listen(this.#partition(topic), () => this.#wake()))
  }

  #partition(topic: TaskTopic) {
    return partitionLog(this.#client.storage, topic, this.taskId)
  }

  async *changelog(from: number): AsyncIterable<ChangelogPart> {
    this.#checkOwner()
    for await (const part of readChangelog(this.#client, this.taskId, from, this.start.changelogPosition)) {
      this.#checkOwner()
      yield part
    }
  }

  poll(topic: TaskTopic, max: number): readonly LogRecord[] {
    this.#checkOwner()
    const log = this.#partition(topic)
    const found: LogRecord[] = []
    const see = (record: LogRecord) => {
      this.#read.set(topic, record.offset + 1)
      if (!record.handled) found.push(record)
    }
    let index = indexOfOffset(log, this.position(topic))
    while (index < log.records.length && found.length < max) see(log.records[index++]!)
    for (const record of this.#process.tail(log)) {
      if (found.length >= max) break
      if (record.offset >= this.position(topic)) see(record)
    }
    return found
  }

  position(topic: TaskTopic): number {
    return this.#read.get(topic) ?? 0
  }

  onRecords(listener: () => void): void {
    this.#listener = listener
  }

  #wake(): void {
    if (this.#told) return
    this.#told = true
    this.#client.notify(() => {
      this.#told = false
      this.#listener()
    })
  }

  async caughtUp(_topic: TaskTopic): Promise<void> {
    this.#checkOwner()
    await this.#client.leg('read')
    this.#checkOwner()
  }

  async commit(request: CommitRequest): Promise<CommitResult> {
    this.#checkOwner()
    const { taskId } = this
    const { appends, changelog, offsets } = request
    try {
      const committed = new Promise<CommitResult>((resolve, reject) => {
        const settle = (error: LogError | null) => (error === null ? resolve(result) : reject(error))
        const submitted = this.#process.submit(
          { appends, task: { taskId, changelog, offsets } },
          { outside: false, settle },
        )
        const result = { offsets: submitted.offsets, changelogPosition: submitted.position }
      })
      this.#outstanding.add(committed)
      return await committed.finally(() => this.#outstanding.delete(committed))
    } catch (error) {
      this.end(error as LogError)
      throw error
    }
  }

  /** Whether it read records that are gone since, and has not been ended for that yet. */
  get readTooFar(): boolean {
    if (this.#ended !== null) return false
    return [...this.#read].some(([topic, position]) => position > this.#process.nextOffset(topic, this.taskId))
  }

  /** No commit is taken from now on, and nothing is polled; the owner is woken to find that out. */
  end(error: LogError): void {
    if (this.#ended !== null) return
    this.#ended = error
    for (const stop of this.#stops.splice(0)) stop()
    this.#wake()
  }

  #checkOwner(): void {
    if (this.#ended !== null) throw this.#ended
  }

  async close(): Promise<void> {
    this.end(new LogError('LOG_CLOSED', `task ${this.taskId} was closed`))
    await Promise.allSettled(this.#outstanding)
  }
}
