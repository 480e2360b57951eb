/** The exclusive owner of one task, on the main thread. */
import { ChurningSet } from '../../schemas/churning.ts'
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
import { decodeEntries } from './changelog-codec.ts'
import { Cursor, type Fetch } from './cursor.ts'
import type { ChangelogPart } from './protocol.ts'
import type { Sequencer } from './sequencer.ts'

/** A task's changelog as the reader thread gives it out. */
export interface ChangelogSource {
  begin(task: number, from: number): Promise<void>
  next(task: number, through: number): Promise<ChangelogPart | null>
  /** Lets the changelog be folded again. */
  unpin(task: number): void
}

export class EmbeddedTaskLog implements TaskLog {
  readonly taskId: number
  readonly start: TaskStart
  /** The sequencer merges them into one transaction. */
  readonly maxOutstanding = 8
  readonly #sequencer: Sequencer
  readonly #source: ChangelogSource
  readonly #cursors: ReadonlyMap<TaskTopic, Cursor>
  readonly #outstanding = new ChurningSet<Promise<void>>()
  #listener: () => void = () => {}
  #wakeQueued = false
  #pinned = true
  /** Why this owner may not commit any more. */
  #ended: LogError | null = null

  /** The task's changelog must be pinned; `folded` is what that answered. */
  constructor(taskId: number, folded: number, sequencer: Sequencer, source: ChangelogSource, fetch: Fetch) {
    this.taskId = taskId
    this.#sequencer = sequencer
    this.#source = source
    const partitions = TASK_TOPICS.map((topic) => [topic, sequencer.partition(topic, taskId)] as const)
    this.start = {
      committed: new Map(partitions.map(([topic, { committed }]) => [topic, committed])),
      changelogPosition: sequencer.changelogs[taskId]!.durable,
      changelogFirst: folded,
    }
    const onRecords = () => this.#wake()
    const onError = (error: unknown) => this.end(error as LogError)
    const options = { eager: true, skipHandled: true, fetch, onRecords, onError }
    this.#cursors = new Map(
      partitions.map(([topic, partition]) => [
        topic,
        new Cursor(partition, { ...options, position: Math.max(partition.committed, partition.first) }),
      ]),
    )
  }

  async *changelog(
    from: number,
  ): AsyncIterable<{ readonly entries: readonly ChangelogEntry[]; readonly position: number }> {
    this.#checkOwner()
    await this.#source.begin(this.taskId, from)
    for (;;) {
      // A task has one changelog cursor, which is the next owner's by now
      this.#checkOwner()
      const part = await this.#source.next(this.taskId, this.start.changelogPosition)
      if (part === null) return
      yield { entries: decodeEntries(part.data), position: part.position }
    }
  }

  poll(topic: TaskTopic, max: number): readonly LogRecord[] {
    this.#checkOwner()
    return this.#cursors.get(topic)!.poll(max)
  }

  position(topic: TaskTopic): number {
    return this.#cursors.get(topic)!.position
  }

  onRecords(listener: () => void): void {
    this.#listener = listener
  }

  #wake(): void {
    if (this.#wakeQueued) return
    this.#wakeQueued = true
    // Not at once: the appender is still at work
    queueMicrotask(() => {
      this.#wakeQueued = false
      this.#listener()
    })
  }

  async caughtUp(topic: TaskTopic): Promise<void> {
    this.#checkOwner()
    await this.#cursors.get(topic)!.reach(this.#sequencer.partition(topic, this.taskId).durable)
    this.#checkOwner()
  }

  async commit(request: CommitRequest): Promise<CommitResult> {
    this.#checkOwner()
    // Whoever commits has restored
    this.#unpin()
    const { appends, changelog } = request
    const offsets = [...request.offsets].map(
      ([topic, next]) => [this.#sequencer.partition(topic, this.taskId), next] as const,
    )
    let done: Promise<void> | null = null
    try {
      const submitted = this.#sequencer.submit({
        appends,
        changelog: { task: this.taskId, entries: changelog },
        offsets,
      })
      done = submitted.done
      this.#outstanding.add(done)
      await done
      return { offsets: submitted.offsets, changelogPosition: submitted.position }
    } catch (error) {
      this.end(error as LogError)
      throw error
    } finally {
      if (done !== null) this.#outstanding.delete(done)
    }
  }

  /** Whether it read records that are gone since. */
  get readTooFar(): boolean {
    return [...this.#cursors].some(
      ([topic, { position }]) => position > this.#sequencer.partition(topic, this.taskId).next,
    )
  }

  /** No commit is taken from now on, and nothing is polled; the owner is woken to find that out. */
  end(error: LogError): void {
    if (this.#ended !== null) return
    this.#ended = error
    this.#unpin()
    for (const cursor of this.#cursors.values()) cursor.close()
    this.#wake()
  }

  #checkOwner(): void {
    if (this.#ended !== null) throw this.#ended
  }

  #unpin(): void {
    if (!this.#pinned) return
    this.#pinned = false
    this.#source.unpin(this.taskId)
  }

  async close(): Promise<void> {
    this.end(new LogError('LOG_CLOSED', `task ${this.taskId} was closed`))
    await Promise.allSettled(this.#outstanding)
  }
}

export function fencedError(what: string): LogError {
  return new LogError('FENCED', `${what} has another owner now`)
}
