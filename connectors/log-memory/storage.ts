/**
 * What an in-memory log keeps when its users crash: records, task state, read positions, progress of pools. Nothing here is durable beyond
 * the process. All changes are synchronous, and so atomic to every reader.
 */

import type { TaskTopic, Topic } from '../../schemas/topics.ts'
import type { Environment } from '../../topology/environment.ts'
import type { ChangelogEntry, LogRecord, OutRecord, Position, Progress } from '../../topology/log/port.ts'
import type { MessageMode } from './faults.ts'
import { createGroups, type Groups } from './groups.ts'
import type { MemoryProcess } from './process.ts'

export interface PartitionLog {
  readonly topic: Topic
  readonly partition: number
  /** Ascending offsets, possibly with gaps. */
  readonly records: LogRecord[]
  firstOffset: number
  nextOffset: number
  readonly listeners: Set<() => void>
}

export interface ChangelogBatch {
  readonly position: number
  readonly entries: readonly ChangelogEntry[]
}

/** The durable side of one task. `folded` holds the live entries as of position `foldedTo`; `batches` are those after it. */
export interface TaskState {
  epoch: number
  readonly committed: Map<TaskTopic, number>
  position: number
  foldedTo: number
  readonly folded: Map<string, Uint8Array>
  batches: ChangelogBatch[]
}

export interface MemoryStorageOptions {
  /** The log's id. Default `memory`. */
  readonly id?: string
  /** Runs what happens on the log's side of a request, so that a user's crash does not stop it. Default: the environment of the user. */
  readonly environment?: Environment
  readonly messages?: MessageMode
  /**
   * Users share one process (`startMemoryProcess`), whose tasks see records before they are durable and lose them again when a write fails,
   * as in the embedded log.
   */
  readonly eager?: boolean
  /** Commits of one task that eager storage takes before the first of them is durable. Default 8. */
  readonly maxOutstanding?: number
  /** Larger records are refused. Default 16 MiB. */
  readonly maxRecordBytes?: number
  /** Fold the changelog when it has more batches than this. Default 64. */
  readonly foldAfterBatches?: number
}

export interface MemoryStorage {
  readonly partitions: number
  readonly options: MemoryStorageOptions
  readonly logs: Map<string, PartitionLog>
  readonly tasks: readonly TaskState[]
  /** By `topic/partition`. */
  readonly progress: Map<string, Progress>
  readonly groups: Groups
  /** Of eager storage: the process that runs, or ran last. */
  process: MemoryProcess | null
}

/** An empty log of `partitions` partitions (1 or more) per topic. */
export function createMemoryStorage(partitions: number, options: MemoryStorageOptions = {}): MemoryStorage {
  if (!Number.isInteger(partitions) || partitions < 1) {
    throw new RangeError(`a log needs a whole number of partitions, 1 or more; found ${partitions}`)
  }
  return {
    partitions,
    options,
    logs: new Map(),
    tasks: Array.from({ length: partitions }, emptyTask),
    progress: new Map(),
    groups: createGroups(partitions),
    process: null,
  }
}

function emptyTask(): TaskState {
  return { epoch: 0, committed: new Map(), position: 0, foldedTo: 0, folded: new Map(), batches: [] }
}

/** The partition, made on first use. `replies` has as many as there are gateways, every other topic `partitions`. */
export function partitionLog(storage: MemoryStorage, topic: Topic, partition: number): PartitionLog {
  const key = `${topic}/${partition}`
  const known = storage.logs.get(key)
  if (known !== undefined) return known
  const limit = topic === 'replies' ? Number.MAX_SAFE_INTEGER : storage.partitions - 1
  if (!Number.isInteger(partition) || partition < 0 || partition > limit) {
    throw new RangeError(`topic '${topic}' has no partition ${partition}; expected 0..${limit}`)
  }
  const made: PartitionLog = { topic, partition, records: [], firstOffset: 0, nextOffset: 0, listeners: new Set() }
  storage.logs.set(key, made)
  return made
}

/** Index of the first record at or after the offset. */
export function indexOfOffset(log: PartitionLog, offset: number): number {
  let low = 0
  let high = log.records.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (log.records[middle]!.offset < offset) low = middle + 1
    else high = middle
  }
  return low
}

/** Writes records at once and tells the listeners of the partitions. */
export function writeRecords(
  storage: MemoryStorage,
  records: readonly OutRecord[],
  timestampMs: number,
  gap: () => number,
): Position[] {
  const touched = new Set<PartitionLog>()
  const positions = records.map((record) => {
    const log = partitionLog(storage, record.topic, record.partition)
    if (!touched.has(log)) log.nextOffset += gap()
    touched.add(log)
    const offset = log.nextOffset++
    log.records.push({ ...record, message: messageFor(storage, record), offset, timestampMs })
    return { topic: record.topic, partition: record.partition, offset }
  })
  for (const log of touched) for (const listener of [...log.listeners]) listener()
  return positions
}

/** What readers are given of a record's message. */
export function messageFor(storage: MemoryStorage, record: OutRecord): OutRecord['message'] {
  return storage.options.messages === 'frozen' ? deepFreeze(record.message) : null
}

function deepFreeze<T>(value: T): T {
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value) || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const inner of Object.values(value)) deepFreeze(inner)
  return value
}

/** Appends a changelog batch, folding older ones when there are many. An empty batch changes nothing. */
export function writeChangelog(storage: MemoryStorage, task: TaskState, entries: readonly ChangelogEntry[]): void {
  if (entries.length === 0) return
  task.position += 1
  task.batches.push({ position: task.position, entries })
  if (task.batches.length <= (storage.options.foldAfterBatches ?? 64)) return
  for (const batch of task.batches) {
    for (const { key, value } of batch.entries) {
      if (value === null) task.folded.delete(key)
      else task.folded.set(key, value)
    }
  }
  task.foldedTo = task.position
  task.batches = []
}

/** Drops records below an offset, as retention does. */
export function trimPartition(storage: MemoryStorage, topic: Topic, partition: number, beforeOffset: number): void {
  const log = partitionLog(storage, topic, partition)
  log.records.splice(0, indexOfOffset(log, beforeOffset))
  log.firstOffset = Math.max(log.firstOffset, Math.min(beforeOffset, log.nextOffset))
}
