/**
 * The order of the log: gives each record its offset, gathers what is submitted while a transaction is being written, and sends it as the next.
 *
 * 1. One transaction is under way at a time; so everything becomes durable in the order of submission.
 * 2. When one fails, everything submitted since it was sealed fails with it, and the log goes on from where the file stands. Until then nothing is
 *    taken.
 */

import type { Topic } from '../../schemas/topics.ts'
import type { Cancel, Environment } from '../../topology/environment.ts'
import type { ChangelogEntry } from '../../topology/log/port.ts'
import { LogError, type OutRecord, type Progress } from '../../topology/log/port.ts'
import { Group, type GroupBytes, type SentGroup, seal, TaskChangelog } from './group.ts'
import { Partition, type TailLimits } from './partition.ts'
import type { StoredState, WriteGroup } from './protocol.ts'

const PROBE_EVERY_MS = 1000
const LEAST_PROBE_BYTES = 64 << 10
/** Progress without results may wait this long for a transaction to travel with. */
const LAZY_MS = 100

/** The writer thread as the sequencer sees it. */
export interface LogWriter {
  write(group: WriteGroup): Promise<void>
  state(): Promise<StoredState>
  probe(bytes: number): Promise<void>
}

export interface Change {
  readonly appends: readonly OutRecord[]
  readonly changelog?: { readonly task: number; readonly entries: readonly ChangelogEntry[] }
  readonly offsets?: readonly (readonly [Partition, number])[]
  readonly progress?: readonly [Partition, Progress]
}

export interface SequencerOptions {
  readonly environment: Environment
  readonly writer: LogWriter
  /** What groups are laid out in. */
  readonly memory: GroupBytes
  readonly maxRecordBytes: number
  readonly tail: TailLimits
  /** After each transaction that became durable. */
  readonly onWritten: (sent: SentGroup) => void
  /** The log goes on from the file's state after a failure. */
  readonly onResumed: (error: LogError) => void
}

type Condition = 'open' | 'recovering' | 'closed'

export class Sequencer {
  readonly #options: SequencerOptions
  readonly #partitions = new Map<Topic, Partition[]>()
  readonly changelogs: readonly TaskChangelog[]
  #condition: Condition = 'open'
  #failure: LogError | null = null
  #gathering = new Group()
  #sent: Group | null = null
  #flushQueued = false
  #cancelLazy: Cancel | null = null
  #cancelProbe: Cancel | null = null
  #lastMs: number
  #waitingForOpen: { resolve(): void; reject(error: LogError): void }[] = []

  constructor(state: StoredState, options: SequencerOptions) {
    this.#options = options
    this.#lastMs = state.lastMs
    for (const span of state.spans) {
      const list = this.#partitions.get(span.topic) ?? []
      list[span.partition] = new Partition(span, options.tail)
      this.#partitions.set(span.topic, list)
    }
    this.changelogs = state.tasks.map((task, i) => new TaskChangelog(i, task))
  }

  /** @throws {RangeError} if there is no such partition */
  partition(topic: Topic, partition: number): Partition {
    const found = this.#partitions.get(topic)?.[partition]
    if (found !== undefined) return found
    throw new RangeError(`there is no partition ${partition} of topic '${topic}'; there are ${this.changelogs.length}`)
  }

  get all(): Partition[] {
    return [...this.#partitions.values()].flat()
  }

  get health(): { readonly writable: boolean; readonly reason: string | null } {
    const writable = this.#condition === 'open'
    return { writable, reason: writable ? null : (this.#failure?.message ?? 'the log is closed') }
  }

  /** Takes a change into the next transaction. Answers the appends' offsets, and a promise that settles with the transaction. */
  submit(change: Change): { readonly offsets: number[]; readonly position: number; readonly done: Promise<void> } {
    this.#checkOpen()
    this.#check(change.appends)
    const group = this.#gathering
    const offsets = this.#append(group, change.appends)
    const position = this.#changes(group, change)
    this.#flushSoon()
    return { offsets, position, done: group.outcome }
  }

  /** Stores progress with the next transaction, or one of its own after a while. */
  submitLazily(partition: Partition, progress: Progress): void {
    this.#checkOpen()
    partition.progress = progress
    this.#gathering.progress.set(partition, progress)
    this.#cancelLazy ??= this.#options.environment.after(LAZY_MS, () => {
      this.#cancelLazy = null
      this.#flush()
    })
  }

  #checkOpen(): void {
    if (this.#condition === 'closed') throw closedError(this.#failure)
    if (this.#condition === 'recovering') throw this.#failure!
  }

  #check(appends: readonly OutRecord[]): void {
    const { maxRecordBytes } = this.#options
    for (const { topic, partition, value } of appends) {
      this.partition(topic, partition)
      if (value.length <= maxRecordBytes) continue
      throw new LogError(
        'RECORD_TOO_LARGE',
        `a record for ${topic}/${partition} has ${value.length} bytes; at most ${maxRecordBytes} are taken`,
      )
    }
  }

  #append(group: Group, appends: readonly OutRecord[]): number[] {
    const offsets: number[] = []
    if (appends.length === 0) return offsets
    const nowMs = Math.max(this.#lastMs, this.#options.environment.now())
    this.#lastMs = nowMs
    for (const record of appends) {
      const partition = this.partition(record.topic, record.partition)
      if (partition.batch.count === 0) group.partitions.push(partition)
      offsets.push(partition.append(record, nowMs))
    }
    return offsets
  }

  #changes(group: Group, { changelog, offsets, progress }: Change): number {
    for (const [partition, next] of offsets ?? []) group.offsets.set(partition, next)
    if (progress !== undefined) {
      progress[0].progress = progress[1]
      group.progress.set(progress[0], progress[1])
    }
    if (changelog === undefined) return 0
    const log = this.changelogs[changelog.task]!
    if (changelog.entries.length > 0) {
      if (log.entries.length === 0) group.changelogs.push(log)
      log.add(changelog.entries)
    }
    return log.position
  }

  #flushSoon(): void {
    if (this.#flushQueued || this.#sent !== null) return
    this.#flushQueued = true
    // not at once: what else this turn of the event loop brings goes into the same transaction
    this.#options.environment.soon(() => {
      this.#flushQueued = false
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#sent !== null || this.#condition === 'recovering') return
    const group = this.#gathering
    this.#cancelLazy?.()
    this.#cancelLazy = null
    if (group.isEmpty) {
      if (group.isAwaited) {
        this.#gathering = new Group()
        group.succeed()
      }
      return
    }
    this.#gathering = new Group()
    this.#sent = group
    const { message, sent } = seal(group, this.#options.memory)
    this.#options.writer.write(message).then(
      () => this.#written(sent),
      (error: LogError) => void this.#failed(sent, error),
    )
  }

  #written(sent: SentGroup): void {
    const { group } = sent
    this.#sent = null
    for (const [partition, next] of group.offsets) partition.committed = next
    for (const [partition, { next }] of group.progress) partition.committed = next
    for (let i = 0; i < group.changelogs.length; i++) {
      group.changelogs[i]!.durable = sent.positions[i]!
      group.changelogs[i]!.unfoldedBytes += sent.changelogBytes[i]!
    }
    for (let i = 0; i < group.partitions.length; i++) group.partitions[i]!.advance(sent.ends[i]!)
    group.succeed()
    this.#options.onWritten(sent)
    this.#flush()
  }

  async #failed(sent: SentGroup, error: LogError): Promise<void> {
    const lost = this.#gathering
    this.#gathering = new Group()
    this.#sent = null
    if (this.#condition === 'open') this.#condition = 'recovering'
    this.#failure = error
    for (const partition of this.all) partition.truncate()
    for (const group of [sent.group, lost]) group.fail(error)
    try {
      this.#resume(await this.#options.writer.state())
    } catch (cause) {
      return this.stop(cause as LogError)
    }
    if (error.code === 'LOG_FULL') this.#probe(Math.max(sent.bytes, LEAST_PROBE_BYTES))
    else this.#reopened(error)
  }

  #resume(state: StoredState): void {
    for (const span of state.spans) this.partition(span.topic, span.partition).resume(span)
    state.tasks.forEach((task, i) => {
      this.changelogs[i]!.resume(task)
    })
  }

  #probe(bytes: number): void {
    if (this.#condition === 'closed') return
    this.#cancelProbe = this.#options.environment.after(PROBE_EVERY_MS, () => {
      this.#options.writer.probe(bytes).then(
        () => this.#reopened(this.#failure!),
        () => this.#probe(bytes),
      )
    })
  }

  #reopened(error: LogError): void {
    this.#options.onResumed(error)
    if (this.#condition === 'closed') return
    this.#condition = 'open'
    this.#failure = null
    for (const { resolve } of this.#waitingForOpen.splice(0)) resolve()
  }

  /** Resolves once everything submitted before is durable or has failed, and the log takes changes. @throws {LogError} `LOG_CLOSED` */
  async settled(): Promise<void> {
    for (;;) {
      if (this.#condition === 'closed') throw closedError(this.#failure)
      if (this.#condition === 'recovering') {
        await new Promise<void>((resolve, reject) => this.#waitingForOpen.push({ resolve, reject }))
      }
      const last = this.#gathering.isAwaited || !this.#gathering.isEmpty ? this.#gathering : this.#sent
      if (last === null) return
      const outcome = last.outcome.then(
        () => true,
        () => false,
      )
      this.#flushSoon()
      if (await outcome) return
    }
  }

  /** Takes no more, and resolves once all that was taken is durable or has failed. */
  async close(): Promise<void> {
    if (this.#condition === 'closed') return
    const writing = this.#condition === 'open'
    this.#condition = 'closed'
    this.#cancelProbe?.()
    for (const { reject } of this.#waitingForOpen.splice(0)) reject(closedError(this.#failure))
    while (writing && (this.#sent !== null || !this.#gathering.isEmpty || this.#gathering.isAwaited)) {
      const last = this.#sent ?? this.#gathering
      const outcome = last.outcome.catch(() => {})
      this.#flush()
      await outcome
    }
    this.#cancelLazy?.()
  }

  /** The writer is gone: nothing will be taken or answered any more. */
  stop(error: LogError): void {
    this.#failure = error
    this.#condition = 'closed'
    this.#cancelProbe?.()
    this.#cancelLazy?.()
    const groups = [this.#sent, this.#gathering]
    this.#sent = null
    this.#gathering = new Group()
    for (const group of groups) group?.fail(error)
    for (const { reject } of this.#waitingForOpen.splice(0)) reject(error)
  }
}

function closedError(cause: LogError | null): LogError {
  return new LogError('LOG_CLOSED', `the log is closed${cause === null ? '' : `: ${cause.message}`}`, {
    ...(cause === null ? {} : { cause }),
  })
}
