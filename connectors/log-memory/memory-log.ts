/**
 * The log port over plain memory. Deterministic: everything asynchronous goes through the environment, so a scheduler can interleave it. What it
 * keeps is in a storage object that outlives its users; any number of logs may be open on one storage, like processes on one broker.
 */
import { executeTopic, type Pool, TOPICS, type Topic } from '../../schemas/topics.ts'
import type { Environment } from '../../topology/environment.ts'
import {
  type Log,
  LogError,
  type LogReader,
  type Membership,
  type OutRecord,
  type PartitionInfo,
  type PoolListener,
  type Position,
  type ReadFrom,
  type TaskLog,
  type TasksListener,
} from '../../topology/log/port.ts'
import { createClient, type MemoryClient } from './client.ts'
import { closeProcess, eagerAppend, openEagerTask } from './eager.ts'
import { EagerPoolPartition } from './eager-pool-partition.ts'
import type { MemoryFaults } from './faults.ts'
import { evict, groupOf, join, leave, type Member } from './groups.ts'
import { MemoryPoolPartition } from './pool-partition.ts'
import { MemoryReader } from './reader.ts'
import { type MemoryStorage, type PartitionLog, partitionLog, type TaskState, writeRecords } from './storage.ts'
import { MemoryTaskLog } from './task-log.ts'

export const TASKS_GROUP = 'tasks'
const DEFAULT_MAX_RECORD_BYTES = 16 << 20

export class MemoryLog implements Log {
  readonly id: string
  readonly partitions: number
  readonly maxRecordBytes: number
  readonly #client: MemoryClient
  readonly #open = new Set<{ close(): void | Promise<void> }>()
  #full = false

  constructor(client: MemoryClient) {
    this.#client = client
    this.id = client.storage.options.id ?? 'memory'
    this.partitions = client.storage.partitions
    this.maxRecordBytes = client.storage.options.maxRecordBytes ?? DEFAULT_MAX_RECORD_BYTES
  }

  async openTask(taskId: number): Promise<TaskLog> {
    const { storage } = this.#client
    const state = storage.tasks[taskId]
    if (state === undefined) {
      throw new RangeError(`there is no task ${taskId}; expected 0..${this.partitions - 1}`)
    }
    const task = await this.#openTask(taskId, state)
    this.#open.add(task)
    return task
  }

  #openTask(taskId: number, state: TaskState): Promise<TaskLog> {
    if (this.#client.storage.options.eager) return openEagerTask(this.#client, taskId)
    return this.#client.ask('open', () => {
      state.epoch += 1
      return new MemoryTaskLog(this.#client, taskId, state.epoch)
    })
  }

  async append(records: readonly OutRecord[]): Promise<readonly Position[]> {
    if (!this.#client.storage.options.eager) return this.#client.ask('append', () => this.#write(records))
    this.#checkSizes(records)
    return eagerAppend(this.#client, records)
  }

  #checkSizes(records: readonly OutRecord[]): void {
    const limit = this.maxRecordBytes
    const tooLarge = records.find((record) => record.value.byteLength > limit)
    if (tooLarge !== undefined) {
      const bytes = tooLarge.value.byteLength
      throw new LogError(
        'RECORD_TOO_LARGE',
        `a record for '${tooLarge.topic}' has ${bytes} bytes; the limit is ${limit}`,
      )
    }
  }

  #write(records: readonly OutRecord[]): readonly Position[] {
    const { storage, faults } = this.#client
    this.#checkSizes(records)
    const fault = faults.append?.() ?? 'none'
    this.#full = fault === 'log_full'
    if (fault === 'log_full') throw new LogError('LOG_FULL', 'the log is full', { retriable: true })
    const unknown = new LogError('OUTCOME_UNKNOWN', 'an append was not answered', { retriable: true })
    if (fault === 'lost') throw unknown
    const write = () => writeRecords(storage, records, this.#client.serverNow(), this.#client.gap)
    const first = write()
    const positions = fault === 'duplicate' ? write() : first
    if (fault === 'applied_unknown') throw unknown
    return positions
  }

  read(topic: Topic, partition: number, from: ReadFrom): LogReader {
    const reader = new MemoryReader(this.#client, partitionLog(this.#client.storage, topic, partition), from)
    this.#open.add(reader)
    return reader
  }

  joinPool(pool: Pool, listener: PoolListener): Promise<Membership> {
    const topic = executeTopic(pool)
    const held = new Map<number, MemoryPoolPartition | EagerPoolPartition>()
    const { process } = this.#client
    return this.#join(topic, {
      assigned: (partition, generation) => {
        const assigned =
          process === null
            ? new MemoryPoolPartition(this.#client, topic, partition, generation)
            : new EagerPoolPartition(this.#client, process, topic, partition, generation)
        held.set(partition, assigned)
        listener.onAssigned(assigned)
      },
      revoked: async (partition) => {
        const lost = held.get(partition)
        held.delete(partition)
        if (lost !== undefined) await listener.onRevoked(lost)
        lost?.release()
      },
    })
  }

  joinTasks(listener: TasksListener): Promise<Membership> {
    return this.#join(TASKS_GROUP, {
      assigned: (taskId) => listener.onAssigned(taskId),
      revoked: (taskId) => listener.onRevoked(taskId),
    })
  }

  async #join(group: string, calls: Pick<Member, 'assigned' | 'revoked'>): Promise<Membership> {
    const { storage, environment, faults } = this.#client
    const latencyMs = () => faults.latencyMs?.('assign') ?? 0
    const member = await this.#client.ask('open', () =>
      join(storage.groups, group, { client: this.#client, environment, latencyMs, ...calls }),
    )
    return { leave: () => leave(groupOf(storage.groups, group), member) }
  }

  describe(): Promise<readonly PartitionInfo[]> {
    return this.#client.ask('read', () => [...this.#client.storage.logs.values()].map((log) => this.#info(log)))
  }

  #info(log: PartitionLog): PartitionInfo {
    const { topic, partition, firstOffset, nextOffset } = log
    const { tasks, progress } = this.#client.storage
    const committed = topic.startsWith('execute.')
      ? (progress.get(`${topic}/${partition}`)?.next ?? 0)
      : topic === 'events' || topic === 'replies'
        ? null
        : (tasks[partition]!.committed.get(topic as Parameters<TaskLog['position']>[0]) ?? 0)
    return { topic, partition, firstOffset, nextOffset, committedOffset: committed }
  }

  health(): { readonly writable: boolean; readonly reason: string | null } {
    const failure = this.#client.process?.failure ?? null
    if (failure !== null) return { writable: false, reason: failure.message }
    return this.#full ? { writable: false, reason: 'the log is full' } : { writable: true, reason: null }
  }

  /** Ends all memberships at once, as a session that expired does; the user is not told and may go on as a zombie. */
  evict(): void {
    evict(this.#client.storage.groups, this.#client)
  }

  async close(): Promise<void> {
    this.evict()
    await closeProcess(this.#client)
    for (const one of [...this.#open]) await one.close()
    this.#client.closed = true
  }
}

/** Opens the storage for one user. `environment` is the user's: when it stops calling back, the user has crashed. */
export function openMemoryLog(storage: MemoryStorage, environment: Environment, faults: MemoryFaults = {}): MemoryLog {
  for (const topic of TOPICS) {
    for (let partition = 0; partition < storage.partitions; partition++) partitionLog(storage, topic, partition)
  }
  return new MemoryLog(createClient(storage, environment, faults))
}
