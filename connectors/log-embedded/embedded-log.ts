/**
 * The log in one process, kept in a folder: SQLite in a worker thread, one transaction for all that was submitted while the one before was
 * written, and the recent records in memory so that a hop does not read the disk.
 */
import { executeTopic, type Pool, TASK_TOPICS, type Topic } from '../../schemas/topics.ts'
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
import { Assignment } from './assignment.ts'
import { decodeBatch } from './batch-codec.ts'
import type { Fetch } from './cursor.ts'
import { GroupBytes } from './group.ts'
import { Housekeeping } from './housekeeping.ts'
import { EmbeddedLogReader } from './log-reader.ts'
import { type EmbeddedLogOptions, readerData, writerData } from './options.ts'
import type { Partition } from './partition.ts'
import { type EagerReader, poolMember } from './pool.ts'
import { type LogWriter, Sequencer } from './sequencer.ts'
import { type ChangelogSource, EmbeddedTaskLog, fencedError } from './task-log.ts'
import { startThreads, type Threads } from './threads.ts'

/**
 * Opens the log of a folder, which is created if it is not there.
 * @throws {LogError} `DATA_FOLDER_IN_USE`, `DATA_FOLDER_NEWER`, `DATA_FOLDER_CORRUPT`, `PARTITIONS_DIFFER`
 */
export async function openEmbeddedLog(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
  let log: EmbeddedLog | null = null
  const threads = await startThreads(writerData(options), readerData(options), (error) => log?.stop(error))
  log = new EmbeddedLog(threads, options)
  return log
}

export class EmbeddedLog implements Log {
  readonly id: string
  readonly partitions: number
  readonly maxRecordBytes: number
  readonly #threads: Threads
  readonly #options: EmbeddedLogOptions
  readonly #sequencer: Sequencer
  readonly #housekeeping: Housekeeping
  readonly #readers = new Set<LogReader>()
  readonly #owners = new Map<number, EmbeddedTaskLog>()
  readonly #poolReaders = new Set<EagerReader>()
  /** Counts the openings of each task; the latest one wins. */
  readonly #openings: number[]
  readonly #pools = new Map<Pool, Assignment>()
  readonly #tasks: Assignment
  readonly #fetch: Fetch
  readonly #changelogs: ChangelogSource
  #closing: Promise<void> | null = null

  constructor(threads: Threads, options: EmbeddedLogOptions) {
    const { environment, partitions } = options
    this.id = threads.state.id
    this.partitions = partitions
    this.maxRecordBytes = options.maxRecordBytes ?? 8 << 20
    this.#threads = threads
    this.#options = options
    this.#openings = new Array(partitions).fill(0)
    this.#tasks = new Assignment(partitions, environment, () => 0)
    const memory = new GroupBytes()
    const writer = writerOf(threads, memory)
    this.#sequencer = new Sequencer(threads.state, {
      environment,
      writer: options.interpose?.(writer) ?? writer,
      memory,
      maxRecordBytes: this.maxRecordBytes,
      tail: { maxRecords: options.tailRecords ?? 2_000, maxBytes: options.tailBytes ?? 64 << 20 },
      onWritten: (sent) => this.#housekeeping.written(sent),
      onResumed: (error) => this.#endWhoReadTooFar(error),
    })
    this.#housekeeping = new Housekeeping(threads.reader, this.#sequencer, options)
    this.#fetch = fetchFrom(threads)
    this.#changelogs = {
      begin: (task, from) => threads.reader.call('changelogBegin', [task, from]),
      next: (task, through) => threads.reader.call('changelogNext', [task, through]),
      unpin: (task) => void threads.reader.call('unpin', [task]).catch(() => {}),
    }
  }

  async openTask(taskId: number): Promise<TaskLog> {
    const opening = (this.#openings[taskId] ?? 0) + 1
    this.#openings[taskId] = opening
    const fenced = fencedError(`task ${taskId}`)
    this.#owners.get(taskId)?.end(fenced)
    const folded = await this.#threads.reader.call('pin', [taskId])
    // What the earlier owner had committed takes effect before this one starts; a full disk holds the task up here
    await this.#sequencer.settled()
    const task = new EmbeddedTaskLog(taskId, folded, this.#sequencer, this.#changelogs, this.#fetch)
    if (this.#openings[taskId] === opening) this.#owners.set(taskId, task)
    else task.end(fenced)
    return task
  }

  #endWhoReadTooFar(error: LogError): void {
    for (const task of this.#owners.values()) if (task.readTooFar) task.end(error)
    for (const partition of this.#poolReaders) if (partition.readTooFar) partition.vanished(error)
  }

  append(records: readonly OutRecord[]): Promise<readonly Position[]> {
    try {
      const { offsets, done } = this.#sequencer.submit({ appends: records })
      return done.then(() => records.map(({ topic, partition }, i) => ({ topic, partition, offset: offsets[i]! })))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  read(topic: Topic, partition: number, from: ReadFrom): LogReader {
    const source = this.#sequencer.partition(topic, partition)
    const reader: LogReader = new EmbeddedLogReader(source, this.#startOf(source, from), this.#fetch, () =>
      this.#readers.delete(reader),
    )
    this.#readers.add(reader)
    if (this.#closing !== null) reader.close()
    return reader
  }

  #startOf(source: Partition, from: ReadFrom): number | Promise<number> {
    if (from === 'first') return source.first
    if (from === 'end') return source.durable
    if ('offset' in from) return Math.max(from.offset, source.first)
    return this.#threads.reader.call('seek', [source.span, from.timeMs, source.durable])
  }

  joinPool(pool: Pool, listener: PoolListener): Promise<Membership> {
    let assignment = this.#pools.get(pool)
    if (assignment === undefined) {
      const share = (item: number, members: number) => item % members
      assignment = new Assignment(this.partitions, this.#options.environment, share, () => this.#sequencer.settled())
      this.#pools.set(pool, assignment)
    }
    return assignment.join(poolMember(executeTopic(pool), listener, this.#sequencer, this.#fetch, this.#poolReaders))
  }

  joinTasks(listener: TasksListener): Promise<Membership> {
    return this.#tasks.join({
      assign: (taskId) => listener.onAssigned(taskId),
      revoke: (taskId) => listener.onRevoked(taskId),
      lost: () => {},
    })
  }

  async describe(): Promise<readonly PartitionInfo[]> {
    const tasks: readonly Topic[] = TASK_TOPICS
    return this.#sequencer.all.map(({ topic, partition, first, durable, committed }) => ({
      topic,
      partition,
      firstOffset: first,
      nextOffset: durable,
      committedOffset: tasks.includes(topic) || topic.startsWith('execute.') ? committed : null,
    }))
  }

  health(): { readonly writable: boolean; readonly reason: string | null } {
    return this.#sequencer.health
  }

  /** Most pages (of 4 KiB) the database may grow to; beyond them it behaves as with a full disk. */
  limitPages(pages: number): Promise<void> {
    return this.#threads.writer.call('limit', [pages])
  }

  /** Events at or beyond these offsets, by partition, outlast the retention, up to eight times its size: somebody is still to read them. */
  keepEvents(unread: () => readonly number[]): void {
    this.#housekeeping.unreadEvents = unread
  }

  /** Folding and settling have time, up to twice what is kept at other times, while this says so. */
  putOffUpkeepWhile(isRushed: () => boolean): void {
    this.#housekeeping.isRushed = isRushed
  }

  /** Trims and folds what is due now, without waiting for its turn. */
  tidy(): Promise<void> {
    return this.#housekeeping.tidy()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#sequencer.close()
    this.#endReaders()
    await this.#housekeeping.close()
    const { reader, writer } = this.#threads
    await reader.call('close', []).catch(() => {})
    await writer.call('close', []).catch(() => {})
    await this.#threads.terminate()
  }

  #endReaders(): void {
    for (const task of this.#owners.values()) task.end(new LogError('LOG_CLOSED', 'the log is closed'))
    for (const reader of this.#readers) reader.close()
  }

  /** Ends the threads as a crash would. Whatever is under way fails. */
  async kill(): Promise<void> {
    const error = new LogError('LOG_CLOSED', 'the log was killed')
    this.#closing ??= Promise.resolve()
    this.stop(error)
    await this.#threads.terminate()
  }

  /** Takes no more, for a reason. */
  stop(error: LogError): void {
    this.#sequencer.stop(error)
    this.#endReaders()
    void this.#housekeeping.close()
  }
}

function writerOf({ writer }: Threads, memory: GroupBytes): LogWriter {
  return {
    write: (group) => writer.call('write', [group], [group.data.buffer]).then((data) => memory.giveBack(data)),
    state: () => writer.call('state', []),
    probe: (bytes) => writer.call('probe', [bytes]),
  }
}

function fetchFrom({ reader }: Threads): Fetch {
  return async ({ topic, partition, span }, from, to, maxBytes) => {
    const { batches, through } = await reader.call('fetch', [{ span, from, to, maxBytes }])
    const records: Parameters<typeof decodeBatch>[6] = []
    for (const { base, data } of batches) decodeBatch(topic, partition, base, data, from, to, records)
    return { records, through }
  }
}
