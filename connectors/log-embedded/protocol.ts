/** What passes between the log's main thread and its two workers: the writer, which alone changes the file, and the reader. */
import type { Topic } from '../../schemas/topics.ts'
import type { LogErrorCode } from '../../topology/log/port.ts'

/** Records and changes of one transaction. All bytes lie one after another in `data`, which moves to the writer. */
export interface WriteGroup {
  readonly data: Uint8Array<ArrayBuffer>
  /** Per batch: span, base, next, last timestamp, start in `data`, length. */
  readonly batches: readonly number[]
  /** Per changelog batch: task, position, start, length. */
  readonly changelog: readonly number[]
  /** Per committed offset: span, next. */
  readonly offsets: readonly number[]
  readonly progress: readonly { readonly span: number; readonly next: number; readonly beyond: string }[]
}
export const BATCH_FIELDS = 6
export const CHANGELOG_FIELDS = 4

/** Where the file stands, as of its last transaction. */
export interface StoredState {
  /** Made with the file. */
  readonly id: string
  readonly spans: readonly SpanState[]
  readonly tasks: readonly TaskState[]
  /** Timestamp of the latest record, 0 without one. */
  readonly lastMs: number
}
export interface SpanState {
  readonly topic: Topic
  readonly partition: number
  readonly first: number
  readonly next: number
  readonly committed: number
  /** JSON: the runs finished beyond `committed`. */
  readonly beyond: string | null
}
export interface TaskState {
  readonly position: number
  /** Bytes of changelog that are not folded yet. */
  readonly unfoldedBytes: number
}

/** A bounded change of stored data by the maintenance in the reader thread. */
export type MaintenanceWrite =
  | { readonly kind: 'fold'; readonly task: number; readonly rows: Uint8Array; readonly folded: number | null }
  /** Takes the place of all groups up to `through`. */
  | { readonly kind: 'settle'; readonly batches: readonly SettledBatch[]; readonly through: number }
  | { readonly kind: 'trim'; readonly span: number; readonly below: number }
  | {
      readonly kind: 'compact'
      readonly span: number
      readonly below: number
      readonly batches: readonly StoredBatch[]
    }
  | { readonly kind: 'checkpoint' }

/** A row of `batches`; `data` as in `packing.ts`. */
export interface StoredBatch {
  readonly base: number
  readonly next: number
  readonly lastMs: number
  readonly data: Uint8Array
}
export interface SettledBatch extends StoredBatch {
  readonly span: number
}

/** Has the writer carry out a maintenance write; answers the rows it removed. */
export type Write = (write: MaintenanceWrite) => Promise<number>

export interface WriterCalls {
  /** Answers the group's memory, for another one. */
  write(group: WriteGroup): Uint8Array<ArrayBuffer>
  state(): StoredState
  /** Finds out whether the disk takes this many bytes again. */
  probe(bytes: number): void
  /** Most pages the database may have. */
  limit(pages: number): void
  /** Returns the rows it removed, where it removes any. */
  maintain(write: MaintenanceWrite): number
  close(): void
}

export interface ReaderCalls {
  fetch(request: FetchRequest): Fetched
  /** The first offset whose record is not older; `end` if there is none. */
  seek(span: number, timeMs: number, end: number): number
  /** Waits for a fold of the task under way, and keeps off others until `unpin`. Answers up to where the changelog is folded. */
  pin(task: number): number
  unpin(task: number): void
  /** Begins reading a task's changelog, which is pinned. */
  changelogBegin(task: number, from: number): void
  /** The next part, or `null` at the end. */
  changelogNext(task: number, through: number): ChangelogPart | null
  /** Answers the tasks that were folded: not those it could not begin with just now. */
  fold(goals: readonly FoldGoal[]): readonly number[]
  /** Settles the oldest groups if there are too many: more than `slack` times the limits. */
  settle(slack: number): void
  /**
   * Settles, trims, and compacts `control`. Answers the partitions that begin later now. `unread`: by partition, the first event that is still to be
   * read; empty: nobody says.
   */
  tidy(
    nowMs: number,
    unread: readonly number[],
    slack: number,
  ): readonly { readonly topic: Topic; readonly partition: number; readonly first: number }[]
  checkpoint(): void
  close(): void
}

/** A task's changelog is to be folded up to this position. */
export interface FoldGoal {
  readonly task: number
  readonly through: number
}

export interface FetchRequest {
  readonly span: number
  readonly from: number
  readonly to: number
  readonly maxBytes: number
}
export interface Fetched {
  readonly batches: readonly { readonly base: number; readonly data: Uint8Array }[]
  /** All records below are in the batches or gone. */
  readonly through: number
}
export interface ChangelogPart {
  readonly data: Uint8Array
  readonly position: number
}

export interface Retention {
  /** Least age of a batch that is removed, milliseconds. */
  readonly maxAgeMs: number
  /** Stored bytes of the whole topic beyond which the oldest batches go, however young. */
  readonly maxBytes: number
}

export interface WriterData {
  readonly folder: string
  readonly partitions: number
  /** The id and the time of creation, if the file has to be created. */
  readonly newId: string
  readonly nowMs: number
  readonly maxPages: number | null
}
export interface ReaderData {
  readonly folder: string
  readonly partitions: number
  /** Batches everybody has consumed, of topics with a consumer. */
  readonly consumed: Retention
  readonly events: Retention
  readonly replies: Retention
  /** Groups, and bytes in them, beyond which the oldest are settled. */
  readonly settleGroups: number
  readonly settleBytes: number
  /** Groups settled in one transaction. */
  readonly settleAtOnce: number
  /** Consumed bytes of a `control` partition from which on it is compacted. */
  readonly compactBytes: number
}

/** An error as it crosses threads. */
export interface ThreadError {
  readonly code: LogErrorCode
  readonly message: string
}
