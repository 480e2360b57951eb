/**
 * What a processor is given to decide one record, and what it declares.
 *
 * A decision is synchronous and pure: all it may know is in the turn and the record (no clock, randomness, client or await), and all it does
 * goes through the turn. Values read from stores and records are never changed in place. What a turn collected (writes, emits, replies) takes
 * effect as one commit; if the decision throws, none of it does and the record becomes a dead letter.
 */
import type avsc from 'avsc'
import type { EpochMs, TenantId } from '../schemas/ids.ts'
import type { JsonText } from '../schemas/json.ts'
import type { BeamlineRecord, RecordKind, RecordOfKind } from '../schemas/records/index.ts'
import type { ItemOutcome, OperationAction } from '../schemas/records/operations.ts'
import type { ReplyTo } from '../schemas/records/shared.ts'
import type { TaskTopic, Topic } from '../schemas/topics.ts'
import type { TracedEnd } from './traced.ts'

/** A keyed collection of plain values, one instance per task, restored from the changelog. */
export interface StoreDef<V> {
  readonly name: string
  /** Never reused; part of every changelog key. 0..255. */
  readonly id: number
  readonly type: avsc.Type
  /** When the row becomes due; the store's `due` handler is then called with it. A due row must be changed or deleted there. */
  readonly dueAt?: (value: V) => EpochMs | null
  /** Views derived from the rows, kept in memory and rebuilt on restore. */
  readonly indexes?: readonly IndexDef<V, Index<V>>[]
}

/** A view over a store's rows. It is told of every change, undone ones too, so it can neither leak nor drift. */
export interface Index<V> {
  change(key: string, before: V | undefined, after: V | undefined): void
}

export interface IndexDef<V, I extends Index<V>> {
  readonly name: string
  /** `partition` and `partitions` are those of the task. */
  readonly create: (partition: number, partitions: number) => I
}

/** Where the record being decided came from; what a timer sets off has the topic `timer` and the offset of the last record read. */
export interface Cause {
  readonly topic: TaskTopic | 'timer'
  readonly offset: number
}

export interface Turn {
  /** Milliseconds since the epoch; the same within a batch, never going back. */
  readonly now: EpochMs
  readonly partition: number
  readonly partitions: number
  readonly cause: Cause
  /** True once the task has read `control` to its end for this record; see {@link ControlBehind}. */
  readonly controlIsCurrent: boolean
  /** 32 random bits; the sequence depends only on the task and the record's position. */
  random(): number
  get<V>(store: StoreDef<V>, key: string): V | undefined
  /** `brought`: most of the value is, unchanged, what the record under decision has brought; a log may then keep no second copy of it. */
  put<V>(store: StoreDef<V>, key: string, value: V, brought?: boolean): void
  delete<V>(store: StoreDef<V>, key: string): void
  /** All rows of a store in order of insertion; for small stores and for commands that touch many rows. */
  rows<V>(store: StoreDef<V>): IterableIterator<[string, V]>
  index<V, I extends Index<V>>(def: IndexDef<V, I>): I
  /** Appends a record. One to this task's own partition of a topic it reads is handled within the same commit. */
  emit(topic: Topic, partition: number, record: BeamlineRecord, key?: string): void
  /** Appends bytes as they are, e.g. a dead record that is replayed. */
  emitRaw(topic: Topic, partition: number, key: string | null, value: Uint8Array, headers: Headers | null): void
  /** Answers a waiting gateway once the commit is durable. */
  reply(to: ReplyTo, reply: { readonly ok: boolean; readonly code: string; readonly body: unknown }): void
  /**
   * The payload itself for what stands in its place (`schemas/blob.ts`), and any other text as it is.
   * @throws {PayloadAway} unless it is at hand: whatever is decided nevertheless is rolled back, and decided again when it is
   * @throws {PayloadLost}
   */
  payload(tenant: TenantId, text: JsonText): JsonText
  /** What may stand for a payload in rows and records: itself, or a reference to where it lies before this decision is committed. */
  stored(tenant: TenantId, text: JsonText): JsonText
  /** Counts something that leaves no other trace, e.g. a late result that was dropped. */
  count(name: CounterName, by?: number): void
  /** Tells of a run or attempt that has ended, for its trace. Absent where nothing is traced. */
  readonly trace?: (end: TracedEnd) => void
}

export type Headers = { readonly [name: string]: string }

export const COUNTER_NAMES = [
  'late_results_dropped',
  'late_commands_dropped',
  'duplicate_submissions',
  'idempotency_evictions',
  'sticky_hits',
  'sticky_misses',
  'warm_hits',
  'warm_misses',
  'records_forwarded',
  'step_retries',
  'dead_letters_evicted',
] as const
/** The last form: items of bulk operations, by action and outcome. */
export type CounterName = (typeof COUNTER_NAMES)[number] | `operation/${OperationAction}/${ItemOutcome}`

/** A log record as a processor may need it when it refuses it. */
export interface SourceRecord {
  readonly topic: TaskTopic
  readonly partition: number
  readonly offset: number
  readonly key: string | null
  readonly headers: Headers | null
  readonly value: Uint8Array
}

export type Decide<R> = (turn: Turn, record: R, source: SourceRecord | null) => void

/** One processor: the topic it reads, the stores it owns, a decision per record kind and per due store. */
export interface Processor {
  readonly topic: TaskTopic
  // biome-ignore lint/suspicious/noExplicitAny: stores of different value types in one list
  readonly stores: readonly StoreDef<any>[]
  readonly handlers: { readonly [K in RecordKind]?: Decide<RecordOfKind<K>> }
  readonly due: readonly DueHandler[]
  /** Decodes what arrives on the topic; default: the wire form. @throws {DecodeError} */
  readonly decode?: (source: SourceRecord) => BeamlineRecord
}

export interface DueHandler {
  // biome-ignore lint/suspicious/noExplicitAny: see `dueHandler`, which ties the two types together
  readonly store: StoreDef<any>
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly handle: (turn: Turn, key: string, value: any) => void
}

export function dueHandler<V>(store: StoreDef<V>, handle: (turn: Turn, key: string, value: V) => void): DueHandler {
  return { store, handle }
}

/** Ties a handler to its record kind, so that the compiler checks the pair. */
export function handlers<H extends { readonly [K in RecordKind]?: Decide<RecordOfKind<K>> }>(table: H): H {
  return table
}

/**
 * Thrown by a decision that does not know a flow version: the task rolls the record back, reads `control` to its end as of then and decides
 * again, with `turn.controlIsCurrent` true.
 */
export class ControlBehind extends Error {
  constructor() {
    super('control has not been read far enough to decide this record')
    this.name = 'ControlBehind'
  }
}

/** A decision needs a payload that lies beside the log and has not been fetched yet. */
export class PayloadAway extends Error {
  /** So many are wanted already that the decision should end: the others can be asked for by the next try. */
  readonly enough: boolean
  constructor(enough: boolean) {
    super('a payload has not been fetched yet')
    this.name = 'PayloadAway'
    this.enough = enough
  }
}

/** A payload cannot be had: it is not where it should be, or is no JSON of a size that is read. */
export class PayloadLost extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.name = 'PayloadLost'
    this.code = code
  }
}
