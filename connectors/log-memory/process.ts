/**
 * One process on eager storage, with the order of submission of the embedded log.
 *
 * 1. What is submitted has its place at once and is seen by the process's tasks and executors; readers see it once it is durable.
 * 2. One group is on its way to the storage at a time; so everything becomes durable in the order of submission.
 * 3. When a group fails, everything submitted since fails with it and its records are gone; tasks and members of pools that have read them are ended. Until that is
 *    done nothing is taken.
 */
import type { Topic } from '../../schemas/topics.ts'
import type { Environment } from '../../topology/environment.ts'
import { type CommitRequest, LogError, type LogRecord, type OutRecord, type Progress } from '../../topology/log/port.ts'
import { createClient, type MemoryClient } from './client.ts'
import type { CommitFault, MemoryFaults } from './faults.ts'
import { type MemoryStorage, messageFor, type PartitionLog, partitionLog, writeChangelog } from './storage.ts'

const PROBE_EVERY_MS = 1_000
/** Progress without results may wait this long for a group to travel with. */
const LAZY_MS = 100

export interface Change {
  readonly appends: readonly OutRecord[]
  readonly task?: { readonly taskId: number } & Pick<CommitRequest, 'changelog' | 'offsets'>
  readonly progress?: { readonly key: string; readonly progress: Progress }
}

export interface Waiter {
  /** Has its own environment, and is told when the process dies. */
  readonly outside: boolean
  settle(error: LogError | null): void
}

/** A member's partition of a pool as the process sees it. */
export interface PoolReader {
  readonly readTooFar: boolean
  vanished(cause: LogError): void
  /** What it has seen may have become durable. */
  advanced(): void
}

/** A task's owner as the process sees it. */
export interface Owner {
  readonly readTooFar: boolean
  end(error: LogError): void
}

interface Group {
  readonly changes: { readonly change: Change; readonly records: readonly LogRecord[] }[]
  readonly waiters: Waiter[]
  stored: boolean
}

function emptyGroup(): Group {
  return { changes: [], waiters: [], stored: false }
}

export class MemoryProcess {
  readonly environment: Environment
  readonly #client: MemoryClient
  readonly #owners = new Map<number, Owner>()
  readonly #poolReaders = new Set<PoolReader>()
  /** Records that are not durable. */
  readonly #tails = new Map<PartitionLog, LogRecord[]>()
  readonly #listeners = new Map<PartitionLog, Set<() => void>>()
  #condition: 'open' | 'recovering' | 'dead' = 'open'
  #failure: LogError | null = null
  #gathering: Group = emptyGroup()
  #sent: Group | null = null
  #flushQueued = false
  #lazyQueued = false
  #lastMs = 0
  #waitingForOpen: (() => void)[] = []

  constructor(storage: MemoryStorage, environment: Environment, faults: MemoryFaults) {
    this.#client = createClient(storage, environment, faults)
    this.environment = environment
  }

  get failure(): LogError | null {
    if (this.#condition === 'dead') return new LogError('LOG_CLOSED', 'the process has ended')
    return this.#failure
  }

  /** Takes a change into the next group. Answers the appends' offsets and the changelog's position. @throws {LogError} */
  submit(change: Change, waiter: Waiter): { readonly offsets: readonly number[]; readonly position: number } {
    const records = this.#take(change)
    this.#gathering.waiters.push(waiter)
    this.#flushSoon()
    return { offsets: records.map(({ offset }) => offset), position: this.#position(change) }
  }

  /** Stores progress with the next group, or one of its own after a while. @throws {LogError} */
  submitLazily(change: Change): void {
    this.#take(change)
    if (this.#lazyQueued) return
    this.#lazyQueued = true
    this.environment.after(LAZY_MS, () => this.#flush())
  }

  #take(change: Change): readonly LogRecord[] {
    const { failure } = this
    if (failure !== null) throw failure
    this.#lastMs = Math.max(this.#lastMs, this.environment.now())
    const records = change.appends.map((record) => this.#append(record))
    this.#gathering.changes.push({ change, records })
    return records
  }

  #append(record: OutRecord): LogRecord {
    const { storage } = this.#client
    const log = partitionLog(storage, record.topic, record.partition)
    const placed = {
      ...record,
      message: messageFor(storage, record),
      offset: this.#next(log),
      timestampMs: this.#lastMs,
    }
    const tail = this.#tails.get(log) ?? []
    tail.push(placed)
    this.#tails.set(log, tail)
    for (const listener of [...(this.#listeners.get(log) ?? [])]) listener()
    return placed
  }

  #next(log: PartitionLog): number {
    const last = this.#tails.get(log)?.at(-1)
    return last === undefined ? log.nextOffset : last.offset + 1
  }

  #position({ task }: Change): number {
    if (task === undefined) return 0
    let position = this.#client.storage.tasks[task.taskId]!.position
    for (const group of [this.#sent, this.#gathering]) {
      if (group === null || group.stored) continue
      for (const { change } of group.changes) {
        if (change.task?.taskId === task.taskId && change.task.changelog.length > 0) position += 1
      }
    }
    return position
  }

  /** Offset after the last record that tasks can see. */
  nextOffset(topic: Topic, partition: number): number {
    return this.#next(partitionLog(this.#client.storage, topic, partition))
  }

  /** Records that are not durable yet. */
  tail(log: PartitionLog): readonly LogRecord[] {
    return this.#tails.get(log) ?? []
  }

  /** Calls back at each record that tasks can see. Answers how to stop that. */
  listen(log: PartitionLog, listener: () => void): () => void {
    const listeners = this.#listeners.get(log) ?? new Set()
    this.#listeners.set(log, listeners.add(listener))
    return () => listeners.delete(listener)
  }

  /** Answers how to be forgotten. */
  follow(reader: PoolReader): () => void {
    this.#poolReaders.add(reader)
    return () => this.#poolReaders.delete(reader)
  }

  /** Ends the earlier owner of a task; later ones count as soon as they are {@link owned}. */
  disown(taskId: number, error: LogError): void {
    this.#owners.get(taskId)?.end(error)
    this.#owners.delete(taskId)
  }

  owned(taskId: number, owner: Owner): void {
    this.#owners.set(taskId, owner)
  }

  #flushSoon(): void {
    if (this.#flushQueued || this.#sent !== null) return
    this.#flushQueued = true
    this.environment.soon(() => {
      this.#flushQueued = false
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#sent !== null || this.#condition !== 'open') return
    const group = this.#gathering
    this.#lazyQueued = false
    this.#gathering = emptyGroup()
    if (group.changes.length === 0) {
      tell(group.waiters, null)
      return
    }
    this.#sent = group
    this.#client.atServer('commit', () => this.#write(group))
  }

  /** The storage's side of one group. */
  #write(group: Group): void {
    if (this.#condition === 'dead') return
    const fault = this.#client.faults.commit?.(group.changes[0]!.change.task?.taskId ?? 0) ?? 'none'
    if (fault === 'none' || fault === 'applied_unknown') this.#store(group)
    this.#client.back('commit', () => {
      if (this.#condition === 'dead') return
      if (fault === 'none') this.#written(group)
      else this.#failed(group, errorOf(fault))
    })
  }

  #store(group: Group): void {
    group.stored = true
    const { storage } = this.#client
    const touched = new Set<PartitionLog>()
    for (const { change, records } of group.changes) {
      for (const record of records) {
        const log = partitionLog(storage, record.topic, record.partition)
        const tail = this.#tails.get(log)!
        tail.splice(tail.indexOf(record), 1)
        log.records.push(record)
        log.nextOffset = record.offset + 1
        touched.add(log)
      }
      if (change.task !== undefined) {
        const state = storage.tasks[change.task.taskId]!
        writeChangelog(storage, state, change.task.changelog)
        for (const [topic, offset] of change.task.offsets) state.committed.set(topic, offset)
      }
      if (change.progress !== undefined) storage.progress.set(change.progress.key, change.progress.progress)
    }
    for (const log of touched) for (const listener of [...log.listeners]) listener()
  }

  #written(group: Group): void {
    this.#sent = null
    for (const reader of this.#poolReaders) reader.advanced()
    tell(group.waiters, null)
    this.#flush()
  }

  #failed(group: Group, error: LogError): void {
    const lost = this.#gathering
    this.#gathering = emptyGroup()
    this.#sent = null
    this.#condition = 'recovering'
    this.#failure = error
    this.#takeBack()
    tell([...group.waiters, ...lost.waiters], error)
    // The storage is asked where it stands
    this.#client.atServer('read', () =>
      this.#client.back('read', () => (error.code === 'LOG_FULL' ? this.#probe(error) : this.#reopened(error))),
    )
  }

  #takeBack(): void {
    const records = [...this.#tails.values()].reduce((sum, tail) => sum + tail.length, 0)
    for (const tail of this.#tails.values()) this.vanish(tail)
    if (records > 0) this.#client.faults.takenBack?.(records)
  }

  /** Nothing is seen any more of records that are not durable. */
  vanish(tail: LogRecord[]): void {
    tail.length = 0
  }

  #probe(error: LogError): void {
    this.environment.after(PROBE_EVERY_MS, () =>
      this.#client.atServer('commit', () => {
        const fault = this.#client.faults.commit?.(0) ?? 'none'
        this.#client.back('commit', () => (fault === 'log_full' ? this.#probe(error) : this.#reopened(error)))
      }),
    )
  }

  #reopened(error: LogError): void {
    if (this.#condition === 'dead') return
    for (const owner of this.#owners.values()) {
      if (!owner.readTooFar) continue
      this.#client.faults.readTooFar?.('task')
      owner.end(error)
    }
    for (const reader of this.#poolReaders) {
      if (!reader.readTooFar) continue
      this.#client.faults.readTooFar?.('member')
      reader.vanished(error)
    }
    this.#condition = 'open'
    this.#failure = null
    for (const open of this.#waitingForOpen.splice(0)) open()
  }

  /** Resolves once everything submitted before is durable or has failed, and changes are taken. @throws {LogError} `LOG_CLOSED` */
  async settled(outside: boolean): Promise<void> {
    for (;;) {
      if (this.#condition === 'dead') throw this.failure!
      if (this.#condition === 'recovering') await new Promise<void>((resolve) => this.#waitingForOpen.push(resolve))
      const last = this.#gathering.changes.length + this.#gathering.waiters.length > 0 ? this.#gathering : this.#sent
      if (last === null) return
      const outcome = new Promise<boolean>((resolve) => {
        last.waiters.push({ outside, settle: (error) => resolve(error === null) })
      })
      this.#flushSoon()
      if (await outcome) return
    }
  }

  /** Ends at once, as in a crash: what is not durable is gone, and only those outside are told. */
  die(): void {
    if (this.#condition === 'dead') return
    this.#condition = 'dead'
    const waiters = [...(this.#sent?.waiters ?? []), ...this.#gathering.waiters].filter(({ outside }) => outside)
    this.#sent = null
    this.#gathering = emptyGroup()
    tell(waiters, new LogError('OUTCOME_UNKNOWN', 'the process has died', { retriable: true }))
  }
}

function tell(waiters: readonly Waiter[], error: LogError | null): void {
  for (const waiter of waiters) waiter.settle(error)
}

function errorOf(fault: CommitFault): LogError {
  if (fault === 'log_full') return new LogError('LOG_FULL', 'the log is full', { retriable: true })
  return new LogError('OUTCOME_UNKNOWN', 'a write was not answered', { retriable: true })
}

/** Starts the one process that eager storage has at a time; an earlier one dies. */
export function startMemoryProcess(
  storage: MemoryStorage,
  environment: Environment,
  faults: MemoryFaults = {},
): MemoryProcess {
  storage.process?.die()
  storage.process = new MemoryProcess(storage, environment, faults)
  return storage.process
}
