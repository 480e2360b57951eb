/**
 * The exclusive owner of a task.
 *
 * K1  Opening the transactional id comes first: it fences the earlier owner and ends what that one left open. Only then are positions read.
 * K2  A commit is one transaction: the group's offsets, appends and changelog. One is under way at a time, the next waits.
 * K3  After any failure the handle is dead. Nothing is aborted and used again.
 */
import { TASK_TOPICS, type TaskTopic } from '../../schemas/topics.ts'
import {
  type ChangelogEntry,
  type CommitRequest,
  type CommitResult,
  LogError,
  type LogRecord,
  type TaskLog,
  type TaskStart,
} from '../../topology/log/port.ts'
import type { GroupOffset, KafkaRecord, TransactionalProducer } from '../kafka-client/contract.ts'
import { type ChangelogPart, changelogRecords, readChangelog } from './changelog.ts'
import type { KafkaLogContext } from './context.ts'
import { closedError, writeError } from './errors.ts'
import { createSignal, type Signal } from './feeds.ts'
import { toKafka } from './record-mapping.ts'
import { referTo } from './references.ts'
import { resolved } from './referred.ts'
import { checkSizes } from './sizes.ts'
import type { TaskInbox } from './task-inbox.ts'
import { encodeMark } from './task-mark.ts'
import type { TaskOpening } from './task-opening.ts'

/** More are refused. */
const MAX_OUTSTANDING = 2
/** Shorter values of `ingest` are not referred to. */
const SOURCE_BYTES = 4 * 1024
/** How often all positions are committed though they have not changed, so that the group does not forget them. */
const REFRESH_MS = 3_600_000

export class KafkaTaskLog implements TaskLog {
  readonly taskId: number
  readonly start: TaskStart
  /** A second one would wait for the first; what comes meanwhile does better to gather and be decided as one. */
  readonly maxOutstanding = 1
  readonly refers = true
  readonly #context: KafkaLogContext
  readonly #producer: TransactionalProducer
  readonly #inboxes: ReadonlyMap<TaskTopic, TaskInbox>
  readonly #signals = new Set<Signal>()
  /** Large values of `ingest` that were polled and are not committed yet, by offset, ascending. */
  readonly #sources = new Map<number, Uint8Array>()
  /** As committed, in the runtime's terms. */
  readonly #committed: Map<TaskTopic, number>
  /** As stored on the cluster, which may be farther, past what is no record. */
  readonly #stored = new Map<TaskTopic, number>()
  readonly #onClosed: () => void
  #changelogPosition: number
  #listener: () => void = () => {}
  #tail: Promise<unknown> = Promise.resolve()
  #outstanding = 0
  #ended: LogError | null = null
  #failed: LogError | null = null
  #closing: Promise<void> | null = null
  readonly #ingestEnd: number
  #refreshedAt = Number.NEGATIVE_INFINITY
  #committedAt = 0
  #cancelSettle: (() => void) | null = null

  constructor(context: KafkaLogContext, opening: TaskOpening, onClosed: () => void) {
    this.#context = context
    this.taskId = opening.taskId
    this.start = opening.start
    this.#ingestEnd = opening.ingestEnd
    this.#producer = opening.producer
    this.#committed = new Map(opening.start.committed)
    this.#changelogPosition = opening.start.changelogPosition
    this.#onClosed = onClosed
    this.#inboxes = opening.openInboxes(() => this.#wake())
    this.#armSettle()
  }

  async *changelog(from: number): AsyncIterable<ChangelogPart> {
    const { fetchers, names } = this.#context
    const place = { topic: names.changelog, partition: this.taskId }
    const signal = createSignal()
    this.#signals.add(signal)
    try {
      const end = this.start.changelogPosition
      const fetcher = fetchers.readers()
      const check = () => this.#checkOpen()
      const ingest = {
        fetcher,
        place: { topic: names.topic('ingest'), partition: this.taskId },
        end: this.#ingestEnd,
        signal,
        check,
      }
      yield* resolved(readChangelog(fetcher, place, from, end, signal, check), ingest)
    } finally {
      this.#signals.delete(signal)
    }
  }

  poll(topic: TaskTopic, max: number): readonly LogRecord[] {
    this.#checkOpen()
    const records = this.#inboxes.get(topic)!.poll(max)
    if (topic !== 'ingest') return records
    for (const { offset, value } of records) if (value.length >= SOURCE_BYTES) this.#sources.set(offset, value)
    return records
  }

  position(topic: TaskTopic): number {
    return this.#inboxes.get(topic)!.position
  }

  onRecords(listener: () => void): void {
    this.#listener = listener
  }

  async caughtUp(topic: TaskTopic): Promise<void> {
    this.#checkOpen()
    const { client, names } = this.#context
    const place = { topic: names.topic(topic), partition: this.taskId }
    // what is durable may not be shown yet: the end of its transaction is written a moment after the commit was answered
    const ends = await client.listOffsets([place], 'end').catch((error: unknown) => {
      throw writeError(error)
    })
    const end = ends.get(`${place.topic}/${place.partition}`) ?? 0
    const signal = createSignal()
    this.#signals.add(signal)
    try {
      for (;;) {
        this.#checkOpen()
        if (this.#inboxes.get(topic)!.drain(end)) return
        await signal.wait()
      }
    } finally {
      this.#signals.delete(signal)
    }
  }

  async commit(request: CommitRequest): Promise<CommitResult> {
    this.#checkOpen()
    if (this.#outstanding >= MAX_OUTSTANDING) {
      throw new TypeError(
        `task ${this.taskId} has ${this.#outstanding} commits outstanding; at most ${MAX_OUTSTANDING}`,
      )
    }
    this.#outstanding++
    const written = this.#tail.then(() => this.#unlessFailed(() => this.#write(request)))
    this.#tail = written.catch(() => undefined)
    try {
      return await written
    } catch (error) {
      throw await this.#judged(error as LogError)
    } finally {
      this.#outstanding--
    }
  }

  /** What was asked for before `close` is still done; after a failure nothing is. */
  async #unlessFailed<T>(write: () => Promise<T>): Promise<T> {
    if (this.#failed !== null) throw this.#failed
    try {
      return await write()
    } catch (error) {
      this.end(writeError(error))
      throw this.#failed!
    }
  }

  async #write({ appends, changelog, offsets }: CommitRequest): Promise<CommitResult> {
    const { names, maxRecordBytes } = this.#context
    checkSizes(appends, maxRecordBytes)
    for (const [topic, offset] of offsets) this.#committed.set(topic, offset)
    const place = { topic: names.changelog, partition: this.taskId }
    const records = appends.map((record) => toKafka(names, record))
    for (const record of changelogRecords(place, this.#referring(changelog), this.#committed)) records.push(record)
    const { environment, pace } = this.#context
    const startedAt = environment.monotonic()
    const written = await this.#transaction(records, offsets.keys())
    const restMs = pace.restAfter(environment.monotonic() - startedAt, records.length, bytesOf(records))
    // the marker that ends the transaction follows the last record, since nobody else writes there
    if (changelog.length > 0) this.#changelogPosition = written.at(-1)! + 2
    const result = { offsets: written.slice(0, appends.length), changelogPosition: this.#changelogPosition }
    return restMs > 0 ? { ...result, restMs } : result
  }

  /** What lies in a record that was polled is not written again. */
  #referring(changelog: readonly ChangelogEntry[]): readonly ChangelogEntry[] {
    if (this.#sources.size === 0) return changelog
    const entries = changelog.map((entry) => {
      const { key, value, source: offset } = entry
      if (offset === undefined || value === null) return entry
      const source = this.#sources.get(offset)
      return source === undefined ? entry : { key, value: referTo(value, offset, source) ?? value }
    })
    const next = this.#committed.get('ingest') ?? 0
    for (const offset of this.#sources.keys()) {
      if (offset >= next) break
      this.#sources.delete(offset)
    }
    return entries
  }

  async #transaction(
    records: Parameters<TransactionalProducer['commit']>[0]['records'],
    changed: Iterable<TaskTopic>,
  ): Promise<readonly number[]> {
    const { environment, names } = this.#context
    const refresh = this.#mustRefresh()
    const topics = refresh ? TASK_TOPICS : [...changed]
    const stored = topics.map((topic) => [topic, this.#storable(topic)] as const)
    const offsets = stored.map(([topic, offset]): GroupOffset => {
      const place = { topic: names.topic(topic), partition: this.taskId }
      return { ...place, offset, metadata: encodeMark(this.#changelogPosition) }
    })
    if (records.length === 0 && offsets.length === 0) return []
    const written = await this.#producer.commit({ records, groupId: names.tasksGroup, offsets })
    for (const [topic, offset] of stored) {
      this.#stored.set(topic, offset)
      this.#context.committed(topic, this.taskId, offset)
    }
    this.#committedAt = environment.monotonic()
    if (refresh) this.#refreshedAt = this.#committedAt
    return written
  }

  #mustRefresh(): boolean {
    return this.#context.environment.monotonic() - this.#refreshedAt >= REFRESH_MS
  }

  /** If all that was polled is committed, what lies behind it and is no record is done with, too. */
  #storable(topic: TaskTopic): number {
    const inbox = this.#inboxes.get(topic)!
    const committed = this.#committed.get(topic) ?? 0
    return committed === inbox.position ? inbox.settledPosition : committed
  }

  /**
   * An epoch that is no longer valid means another owner, or a transaction that the broker has ended. If the task is still this process's after the time in which
   * it would have heard otherwise, it is to be opened again.
   */
  async #judged(error: LogError): Promise<LogError> {
    const { environment, timings, holdsTask } = this.#context
    if (error.code !== 'FENCED' || this.#closing !== null || !holdsTask(this.taskId)) return error
    await new Promise<void>((resolve) => environment.after(2 * timings.heartbeatMs, resolve))
    if (!holdsTask(this.taskId)) return error
    const message = `task ${this.taskId} was fenced, but is still this process's: ${error.message}`
    return new LogError('OUTCOME_UNKNOWN', message, { cause: error })
  }

  /** No commit is taken from now on and nothing is polled; the owner is woken to find that out. */
  end(error: LogError): void {
    this.#failed ??= error
    this.#stop(error)
  }

  #stop(error: LogError): void {
    if (this.#ended !== null) return
    this.#ended = error
    this.#cancelSettle?.()
    for (const inbox of this.#inboxes.values()) inbox.close()
    this.#wake()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#stop(closedError(`task ${this.taskId}`))
    await this.#tail
    await this.#producer.close().catch(() => undefined)
    this.#onClosed()
  }

  #wake(): void {
    for (const signal of this.#signals) signal.raise()
    this.#listener()
  }

  #checkOpen(): void {
    if (this.#ended !== null) throw this.#ended
  }

  /**
   * Behind the last record lies the end of its transaction. Once retention has removed both, a position before it would look as if records had been
   * missed; so a task that rests moves its positions past it.
   */
  #armSettle(): void {
    const { environment, timings } = this.#context
    this.#cancelSettle = environment.after(timings.settleAfterMs, () => {
      if (this.#ended !== null) return
      const rests = environment.monotonic() - this.#committedAt >= timings.settleAfterMs && this.#outstanding === 0
      if (rests) void this.#settle()
      this.#armSettle()
    })
  }

  async #settle(): Promise<void> {
    const behind = TASK_TOPICS.filter((topic) => {
      const known = this.#stored.get(topic) ?? this.#committed.get(topic) ?? 0
      return this.#storable(topic) > known
    })
    if (behind.length === 0 && !this.#mustRefresh()) return
    const written = this.#tail.then(() => this.#unlessFailed(() => this.#transaction([], behind)))
    this.#tail = written.catch(() => undefined)
    // the handle is dead then; its owner is told by the next call
    await written.catch(() => undefined)
  }
}

function bytesOf(records: readonly KafkaRecord[]): number {
  let bytes = 0
  for (const { value } of records) bytes += value?.length ?? 0
  return bytes
}
