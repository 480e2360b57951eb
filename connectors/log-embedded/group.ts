/** What the next transaction will hold, gathered while the one before is written. */
import type { ChangelogEntry, LogError, Progress } from '../../topology/log/port.ts'
import { ByteWriter } from './bytes.ts'
import { writeEntry } from './changelog-codec.ts'
import type { Partition } from './partition.ts'
import type { TaskState, WriteGroup } from './protocol.ts'

/** The changelog of one task on the main thread. */
export class TaskChangelog {
  readonly task: number
  readonly entries = new ByteWriter()
  /** After the last commit, durable or not. */
  position: number
  durable: number
  unfoldedBytes: number

  constructor(task: number, state: TaskState) {
    this.task = task
    this.position = state.position
    this.durable = state.position
    this.unfoldedBytes = state.unfoldedBytes
  }

  add(entries: readonly ChangelogEntry[]): void {
    for (const entry of entries) writeEntry(this.entries, entry)
    this.position++
  }

  resume(state: TaskState): void {
    this.entries.clear()
    this.position = state.position
    this.durable = state.position
    this.unfoldedBytes = state.unfoldedBytes
  }
}

export class Group {
  /** One promise for all who wait: a transaction becomes durable, or fails, as a whole. */
  #outcome: PromiseWithResolvers<void> | null = null
  /** Partitions with records, each once. */
  readonly partitions: Partition[] = []
  readonly changelogs: TaskChangelog[] = []
  readonly offsets = new Map<Partition, number>()
  readonly progress = new Map<Partition, Progress>()

  /** Settles with the transaction. */
  get outcome(): Promise<void> {
    this.#outcome ??= Promise.withResolvers()
    return this.#outcome.promise
  }

  get isAwaited(): boolean {
    return this.#outcome !== null
  }

  succeed(): void {
    this.#outcome?.resolve()
  }

  fail(error: LogError): void {
    this.#outcome?.reject(error)
  }

  get isEmpty(): boolean {
    return (
      this.partitions.length === 0 &&
      this.changelogs.length === 0 &&
      this.offsets.size === 0 &&
      this.progress.size === 0
    )
  }
}

/** A group as it was sent: what becomes true once it is durable. */
export interface SentGroup {
  readonly group: Group
  readonly bytes: number
  readonly ends: readonly number[]
  readonly positions: readonly number[]
  readonly changelogBytes: readonly number[]
}

const LEAST_BYTES = 1 << 20
const MOST_KEPT_BYTES = 16 << 20

/** The memory of a group's bytes, which goes to the writer thread with them and comes back with its answer. Memory that both see at once takes twenty times as long to write to. */
export class GroupBytes {
  #buffer: ArrayBuffer | null = null

  take(length: number): Uint8Array<ArrayBuffer> {
    const kept = this.#buffer
    this.#buffer = null
    const fits = kept !== null && kept.byteLength >= length
    return new Uint8Array(fits ? kept : new ArrayBuffer(Math.max(LEAST_BYTES, 2 * length)), 0, length)
  }

  giveBack({ buffer }: Uint8Array<ArrayBuffer>): void {
    if (buffer.byteLength <= MOST_KEPT_BYTES) this.#buffer = buffer
  }
}

/** Lays a group out as one message, and empties the buffers it was gathered in. */
export function seal(group: Group, memory: GroupBytes): { readonly message: WriteGroup; readonly sent: SentGroup } {
  let bytes = 0
  for (const { batch } of group.partitions) bytes += batch.length
  for (const { entries } of group.changelogs) bytes += entries.length
  const data = memory.take(bytes)
  const batches: number[] = []
  const changelog: number[] = []
  let at = 0
  for (const { span, batch, next } of group.partitions) {
    batches.push(span, batch.base, next, batch.lastMs, at, batch.length)
    data.set(batch.bytes, at)
    at += batch.length
    batch.clear()
  }
  for (const { task, position, entries } of group.changelogs) {
    changelog.push(task, position, at, entries.length)
    data.set(entries.bytes, at)
    at += entries.length
    entries.clear()
  }
  const offsets = [...group.offsets].flatMap(([partition, next]) => [partition.span, next])
  const progress = [...group.progress].map(([{ span }, { next, beyond }]) => ({
    span,
    next,
    beyond: JSON.stringify(beyond),
  }))
  return {
    message: { data, batches, changelog, offsets, progress },
    sent: {
      group,
      bytes,
      ends: group.partitions.map((partition) => partition.next),
      positions: group.changelogs.map((each) => each.position),
      changelogBytes: changelog.filter((_, i) => i % 4 === 3),
    },
  }
}
