/** The exclusive owner of a task, over in-memory storage. */
import type { TaskTopic } from '../../schemas/topics.ts'
import type { Environment } from '../../topology/environment.ts'
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
import type { CommitFault } from './faults.ts'
import { indexOfOffset, partitionLog, type TaskState, writeChangelog, writeRecords } from './storage.ts'

const MAX_OUTSTANDING = 2

interface Job {
  readonly request: CommitRequest
  readonly resolve: (result: CommitResult) => void
  readonly reject: (error: LogError) => void
}

export class MemoryTaskLog implements TaskLog {
  readonly taskId: number
  readonly start: TaskStart
  /** Grows with every owner. */
  readonly epoch: number
  readonly #client: MemoryClient
  readonly #environment: Environment
  readonly #state: TaskState
  readonly #read = new Map<TaskTopic, number>()
  readonly #unsubscribe: (() => void)[] = []
  readonly #queue: Job[] = []
  /** Answers on their way back, in order. */
  readonly #answers: (() => void)[] = []
  #outstanding = 0
  #broken: LogError | null = null
  #closed = false
  #settled: (() => void) | null = null

  constructor(client: MemoryClient, taskId: number, epoch: number) {
    this.#client = client
    this.#environment = client.environment
    this.#state = client.storage.tasks[taskId]!
    this.epoch = epoch
    this.taskId = taskId
    this.start = {
      committed: new Map(this.#state.committed),
      changelogPosition: this.#state.position,
      changelogFirst: this.#state.foldedTo,
    }
    for (const [topic, offset] of this.start.committed) this.#read.set(topic, offset)
  }

  changelog(from: number): AsyncIterable<ChangelogPart> {
    return readChangelog(this.#client, this.taskId, from, this.start.changelogPosition)
  }

  poll(topic: TaskTopic, max: number): readonly LogRecord[] {
    if (this.#broken !== null || this.#closed) return []
    const log = partitionLog(this.#client.storage, topic, this.taskId)
    const found: LogRecord[] = []
    let index = indexOfOffset(log, this.position(topic))
    for (; index < log.records.length && found.length < max; index++) {
      const record = log.records[index]!
      this.#read.set(topic, record.offset + 1)
      if (!record.handled) found.push(record)
    }
    return found
  }

  position(topic: TaskTopic): number {
    return this.#read.get(topic) ?? 0
  }

  onRecords(listener: () => void): void {
    let told = false
    const tell = () => {
      if (told) return
      told = true
      this.#client.notify(() => {
        told = false
        if (this.#broken === null && !this.#closed) listener()
      })
    }
    for (const topic of ['control', 'result', 'route', 'dlq', 'ingest'] as const) {
      const { listeners } = partitionLog(this.#client.storage, topic, this.taskId)
      listeners.add(tell)
      this.#unsubscribe.push(() => listeners.delete(tell))
    }
  }

  async caughtUp(_topic: TaskTopic): Promise<void> {
    await this.#client.leg('read')
  }

  commit(request: CommitRequest): Promise<CommitResult> {
    if (this.#closed) return Promise.reject(this.#closedError())
    if (this.#broken !== null) return Promise.reject(this.#broken)
    if (this.#outstanding >= MAX_OUTSTANDING) {
      return Promise.reject(
        new TypeError(`task ${this.taskId} has ${this.#outstanding} commits outstanding; at most 2`),
      )
    }
    this.#outstanding += 1
    return new Promise((resolve, reject) => {
      this.#queue.push({ request, resolve, reject })
      if (this.#queue.length === 1) this.#send()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#unsubscribeAll()
    if (this.#outstanding > 0) {
      await new Promise<void>((resolve) => {
        this.#settled = resolve
      })
    }
    this.#broken ??= this.#closedError()
  }

  #closedError(): LogError {
    return new LogError('LOG_CLOSED', `task ${this.taskId} is closed`)
  }

  #send(): void {
    this.#client.atServer('commit', () => {
      const job = this.#queue[0]
      if (job === undefined) return
      this.#take(job)
      this.#queue.shift()
      if (this.#queue.length > 0) this.#send()
    })
  }

  /** The log's side of one commit. */
  #take(job: Job): void {
    const fault = this.#client.faults.commit?.(this.taskId) ?? 'none'
    const refusal = this.#refusal(fault)
    if (refusal === null) {
      const result = this.#write(job.request)
      if (fault !== 'applied_unknown') {
        this.#answer(() => job.resolve(result))
        return
      }
    }
    const error = refusal ?? this.#unknown()
    this.#fail(error)
    this.#answer(() => job.reject(error))
  }

  /** Why nothing may be written; `null` if it may. */
  #refusal(fault: CommitFault): LogError | null {
    if (this.#broken !== null) return this.#broken
    const { epoch } = this.#state
    if (epoch !== this.epoch) {
      return new LogError('FENCED', `task ${this.taskId} has another owner: epoch ${epoch}, this one has ${this.epoch}`)
    }
    if (fault === 'log_full') return new LogError('LOG_FULL', 'the log is full', { retriable: true })
    return fault === 'lost' ? this.#unknown() : null
  }

  #unknown(): LogError {
    return new LogError('OUTCOME_UNKNOWN', `a commit of task ${this.taskId} was not answered`)
  }

  #write(request: CommitRequest): CommitResult {
    const positions = writeRecords(this.#client.storage, request.appends, this.#client.serverNow(), this.#client.gap)
    writeChangelog(this.#client.storage, this.#state, request.changelog)
    for (const [topic, offset] of request.offsets) this.#state.committed.set(topic, offset)
    return { offsets: positions.map((p) => p.offset), changelogPosition: this.#state.position }
  }

  #answer(deliver: () => void): void {
    this.#answers.push(deliver)
    this.#client.back('commit', () => {
      this.#outstanding -= 1
      this.#answers.shift()!()
      if (this.#outstanding === 0) this.#settled?.()
    })
  }

  #fail(error: LogError): void {
    this.#broken ??= error
    this.#unsubscribeAll()
  }

  #unsubscribeAll(): void {
    for (const stop of this.#unsubscribe.splice(0)) stop()
  }
}
