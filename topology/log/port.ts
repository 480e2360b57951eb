/**
 * The log port: partitioned topics, and an atomic commit of appends, state changes and read positions. Adapters are in `connectors/`; one
 * conformance suite (`test/conformance/log/`) says what each of them must do.
 */
import type { Headers } from '../../processors/turn.ts'
import type { BeamlineRecord } from '../../schemas/records/index.ts'
import type { ExecuteTopic, Pool, TaskTopic, Topic } from '../../schemas/topics.ts'

/** A record to append. `message` is the decoded form of `value`; an in-process log may hand it to readers as it is. */
export interface OutRecord {
  readonly topic: Topic
  readonly partition: number
  readonly key: string | null
  readonly value: Uint8Array
  readonly headers: Headers | null
  /** Already handled in the commit that appends it: the task that reads the topic skips it. */
  readonly handled: boolean
  readonly message: BeamlineRecord | null
}

export interface LogRecord extends OutRecord {
  /** From 0, growing by at least 1 within a partition. */
  readonly offset: number
  readonly timestampMs: number
}

export interface Position {
  readonly topic: Topic
  readonly partition: number
  readonly offset: number
}

/** An upsert, or a delete where `value` is `null`. Later entries of a key win. */
export interface ChangelogEntry {
  /** One character whose code is the store's id, then the row's key. */
  readonly key: string
  /** Its first byte is never 255: logs may use that for forms of their own. */
  readonly value: Uint8Array | null
  /**
   * Offset of a record of `ingest`, polled since the last commit, that most of the value was taken from. A log that {@link TaskLog.refers} may then keep
   * only where the value lies; read back, the entry has its value and this offset.
   */
  readonly source?: number
}

export interface CommitRequest {
  readonly appends: readonly OutRecord[]
  readonly changelog: readonly ChangelogEntry[]
  /** For each topic read since the last commit: the offset of the next record to read. */
  readonly offsets: ReadonlyMap<TaskTopic, number>
}

export interface CommitResult {
  /** Offset of each append, in order. */
  readonly offsets: readonly number[]
  /** The changelog's position after this commit. */
  readonly changelogPosition: number
  /** The log would have the next commit of the task asked for so much later, milliseconds: commits are dear just now. Absent: at any time. */
  readonly restMs?: number
}

/** What a task starts from. All positions are those of the last commit. */
export interface TaskStart {
  readonly committed: ReadonlyMap<TaskTopic, number>
  readonly changelogPosition: number
  /**
   * The oldest position from which `changelog` gives every later change, deletes too. A snapshot taken before it cannot be brought up to date, because
   * folding has dropped deletes since; 0 while nothing was folded.
   */
  readonly changelogFirst: number
}

/** The exclusive owner of one task. */
export interface TaskLog {
  readonly taskId: number
  readonly start: TaskStart
  /** Commits that may be outstanding at once. Default 2: more only help where the log merges them. */
  readonly maxOutstanding?: number
  /**
   * True if the log keeps references in place of values with a `source`. They hold only as long as `ingest` keeps its records, so whoever commits one
   * has to commit the value again without a source, soon, unless it has changed or gone by then.
   */
  readonly refers?: boolean
  /** Changelog batches from `from` (0: everything that is live) to the committed end, then ends. A position older than the log still has reads everything. */
  changelog(from: number): AsyncIterable<{ readonly entries: readonly ChangelogEntry[]; readonly position: number }>
  /**
   * Up to `max` next records of the task's partition of the topic, in order, without waiting; handled ones are passed over. May contain records
   * whose append is not durable yet, if the log guarantees that a later commit becomes durable only with them.
   * @throws {LogError} if the log knows already that no commit can succeed any more; it calls the listener of `onRecords` then
   */
  poll(topic: TaskTopic, max: number): readonly LogRecord[]
  /** Offset after the last record that `poll` returned or passed over. */
  position(topic: TaskTopic): number
  /** Called when a poll may return something again. One listener. */
  onRecords(listener: () => void): void
  /** Resolves once `poll(topic)` can return all that was durable in the topic when it was called. */
  caughtUp(topic: TaskTopic): Promise<void>
  /**
   * All or nothing. Commits of one task take effect in the order of the calls; at most `maxOutstanding` are outstanding.
   * @throws {LogError} `FENCED`: another owner has opened the task; `OUTCOME_UNKNOWN`: it may or may not have taken effect;
   * `LOG_FULL`: nothing was written for want of space. After any of them only `close` may be called.
   */
  commit(request: CommitRequest): Promise<CommitResult>
  close(): Promise<void>
}

/** Which records of a pool partition are finished: all below `next`, and the runs `[from, to)` beyond it, ascending and disjoint. */
export interface Progress {
  readonly next: number
  readonly beyond: readonly (readonly [from: number, to: number])[]
}

/** One assigned partition of a pool's topic. */
export interface PoolPartition {
  readonly topic: ExecuteTopic
  readonly partition: number
  /** As last reported by any owner. */
  readonly progress: Progress
  /**
   * Records from `progress.next` on, in order, without waiting. They are durable below `durableTo`; those beyond may vanish, if the log guarantees that what is
   * reported after them becomes durable only with them. When they have vanished, `poll` and `report` throw.
   * @throws {LogError} if the log knows that it cannot give any more
   */
  poll(max: number): readonly LogRecord[]
  /** Absent: every record that is polled is durable. */
  readonly durableTo?: number
  /** Called when a poll may return something again, or `durableTo` has grown. One listener. */
  onRecords(listener: () => void): void
  /** Appends results durably and stores the progress; where the log can, both as one. @throws {LogError} */
  report(results: readonly OutRecord[], progress: Progress): Promise<void>
}

export interface PoolListener {
  onAssigned(partition: PoolPartition): void
  /** The partition goes to another owner once the promise settles or the grace period ends. */
  onRevoked(partition: PoolPartition): Promise<void>
}

export interface TasksListener {
  onAssigned(taskId: number): void
  onRevoked(taskId: number): Promise<void>
}

export interface Membership {
  /** True once it is known what is this member's, be it nothing. Absent: always more than nothing. */
  settled?(): boolean
  leave(): Promise<void>
}

export interface PartitionInfo {
  readonly topic: Topic
  readonly partition: number
  readonly firstOffset: number
  /** Offset of the next record to be appended. */
  readonly nextOffset: number
  /** The task's committed offset, or the pool's progress; `null` for topics nobody commits. */
  readonly committedOffset: number | null
}

/** Reads committed records of one partition in order. */
export interface LogReader {
  /**
   * Waits for records if there are none; resolves with an empty list once the reader is closed, and may do so when only its position has moved.
   * @throws {LogError} `OFFSET_OUT_OF_RANGE` if records at its position are gone: none is left out silently
   */
  next(max: number): Promise<readonly LogRecord[]>
  /** Offset of the next record that `next` returns. */
  readonly position: number
  close(): void
}

/**
 * Where a reader begins: an offset (or the first that is still there; a log may refuse one above 0 that is gone), the first record at or after a
 * time, or the end.
 */
export type ReadFrom = { readonly offset: number } | { readonly timeMs: number } | 'first' | 'end'

export interface Log {
  /** Made with the deployment and never changed: tells one log's snapshots and projections from another's. */
  readonly id: string
  readonly partitions: number
  /** Largest value of a record that it takes. */
  readonly maxRecordBytes: number
  /** Takes the task over; an earlier owner is fenced. */
  openTask(taskId: number): Promise<TaskLog>
  /** Durable when it resolves, in order within the call; positions in order. @throws {LogError} `LOG_FULL`, `RECORD_TOO_LARGE`, `OUTCOME_UNKNOWN` */
  append(records: readonly OutRecord[]): Promise<readonly Position[]>
  read(topic: Topic, partition: number, from: ReadFrom): LogReader
  joinPool(pool: Pool, listener: PoolListener): Promise<Membership>
  joinTasks(listener: TasksListener): Promise<Membership>
  describe(): Promise<readonly PartitionInfo[]>
  /** False while the log cannot take records (disk full, cluster unreachable), with the reason. */
  health(): { readonly writable: boolean; readonly reason: string | null }
  close(): Promise<void>
}

export type LogErrorCode =
  | 'FENCED'
  | 'OUTCOME_UNKNOWN'
  | 'LOG_FULL'
  | 'RECORD_TOO_LARGE'
  | 'LOG_CLOSED'
  | 'DATA_FOLDER_IN_USE'
  | 'DATA_FOLDER_NEWER'
  | 'DATA_FOLDER_OLDER'
  | 'DATA_FOLDER_CORRUPT'
  | 'PARTITIONS_DIFFER'
  /** Topics are missing, or have settings with which data would be lost. */
  | 'TOPICS_UNFIT'
  /** The topics hold another deployment. */
  | 'DEPLOYMENT_DIFFERS'
  /** The topics hold what no deployment of Beamline has written. */
  | 'FOREIGN_DATA'
  /** Written by a newer version of Beamline. */
  | 'LOG_NEWER'
  /** Records that have not been read yet are gone. */
  | 'OFFSET_OUT_OF_RANGE'
  | 'UNREACHABLE'
  | 'NOT_AUTHORIZED'

/** A failure of the log. `retriable`: the same call may succeed later. */
export class LogError extends Error {
  readonly code: LogErrorCode
  readonly retriable: boolean
  constructor(code: LogErrorCode, message: string, options: { retriable?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'LogError'
    this.code = code
    this.retriable = options.retriable ?? false
  }
}
