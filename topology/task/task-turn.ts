/** The turn of one task: what its processors see, and what a batch of decisions collects until it is committed. */

import type { TracedEnd } from '../../processors/traced.ts'
import {
  type Cause,
  type CounterName,
  type Headers,
  type Index,
  type IndexDef,
  PayloadAway,
  PayloadLost,
  type StoreDef,
  type Turn,
} from '../../processors/turn.ts'
import { storedPayload } from '../../schemas/blob.ts'
import { encodeRecord } from '../../schemas/codec/wire.ts'
import type { EpochMs, TenantId } from '../../schemas/ids.ts'
import { type JsonText, toJsonText } from '../../schemas/json.ts'
import type { BeamlineRecord } from '../../schemas/records/index.ts'
import type { ReplyTo } from '../../schemas/records/shared.ts'
import { TASK_TOPICS, type Topic } from '../../schemas/topics.ts'
import type { Payloads } from '../blobs/payloads.ts'
import { LogError, type OutRecord } from '../log/port.ts'
import { SeededRandom } from './seeded-random.ts'
import type { TaskState } from './state.ts'

const FUSABLE: ReadonlySet<string> = new Set(TASK_TOPICS)

/** Beyond this a decision ends before it wants more. */
const WANTED_AT_ONCE = 64

export interface WantedPayload {
  readonly tenant: TenantId
  readonly hash: string
}

export type StorePayload = () => Promise<void>

/** A place in the outbox to which a failed decision is rolled back. */
interface Mark {
  readonly outbox: number
  readonly fused: number
  readonly traced: number
  readonly unstored: number
}

export class TaskTurn implements Turn {
  now: EpochMs = 0
  cause: Cause = { topic: 'timer', offset: 0 }
  controlIsCurrent = false
  readonly partition: number
  readonly partitions: number
  /** Everything emitted since the last cut, in order. */
  outbox: OutRecord[] = []
  /** Indices into the outbox of fused records that are not decided yet, in order. */
  readonly fused: number[] = []
  /** How many more records may be fused before the next cut. */
  fuseBudget = 0
  readonly counts = new Map<CounterName, number>()
  /** Ends told since the last cut. */
  traced: TracedEnd[] = []
  readonly trace?: (end: TracedEnd) => void
  /** Payloads that the decision has asked for in vain. */
  readonly wanted = new Map<string, WantedPayload>()
  /** Payloads that the record under decision has wanted, or why they cannot be had. */
  readonly fetched = new Map<string, JsonText | PayloadLost>()
  /** To be done before what refers to it is committed. */
  unstored: StorePayload[] = []
  readonly #payloads: Payloads | null
  readonly #state: TaskState
  readonly #random = new SeededRandom()
  readonly #maxRecordBytes: number

  /** `maxRecordBytes`: what the log takes. `traces`: somebody wants to know what has ended. */
  constructor(
    state: TaskState,
    partition: number,
    partitions: number,
    maxRecordBytes: number = Number.POSITIVE_INFINITY,
    traces = false,
    payloads: Payloads | null = null,
  ) {
    this.#payloads = payloads
    this.#state = state
    this.#maxRecordBytes = maxRecordBytes
    if (traces) this.trace = (end) => this.traced.push(end)
    this.partition = partition
    this.partitions = partitions
  }

  /** Begins the decision of a record that came from outside. */
  begin(cause: Cause, controlIsCurrent: boolean): void {
    this.wanted.clear()
    this.cause = cause
    this.controlIsCurrent = controlIsCurrent
    const topic = cause.topic === 'timer' ? TASK_TOPICS.length : TASK_TOPICS.indexOf(cause.topic)
    this.#random.seed(this.partition * 8 + topic, cause.offset)
  }

  random(): number {
    return this.#random.next()
  }

  get<V>(store: StoreDef<V>, key: string): V | undefined {
    return this.#state.store(store).rows.get(key)
  }

  put<V>(store: StoreDef<V>, key: string, value: V, brought = false): void {
    this.#state.set(this.#state.store(store), key, value)
    if (brought && this.cause.topic === 'ingest') this.#state.brought(store, key, this.cause.offset)
  }

  delete<V>(store: StoreDef<V>, key: string): void {
    this.#state.set(this.#state.store(store), key, undefined)
  }

  rows<V>(store: StoreDef<V>): IterableIterator<[string, V]> {
    return this.#state.store(store).rows.entries()
  }

  index<V, I extends Index<V>>(def: IndexDef<V, I>): I {
    return this.#state.index(def)
  }

  /** @throws {LogError} `RECORD_TOO_LARGE`: it would fail the commit, and every one after it */
  emit(topic: Topic, partition: number, record: BeamlineRecord, key?: string): void {
    const value = encodeRecord(record)
    this.#checkSize(topic, value)
    const handled = partition === this.partition && this.fuseBudget > 0 && FUSABLE.has(topic)
    if (handled) {
      this.fuseBudget--
      this.fused.push(this.outbox.length)
    }
    this.outbox.push({ topic, partition, key: key ?? null, value, headers: null, handled, message: record })
  }

  emitRaw(topic: Topic, partition: number, key: string | null, value: Uint8Array, headers: Headers | null): void {
    this.#checkSize(topic, value)
    this.outbox.push({ topic, partition, key, value, headers, handled: false, message: null })
  }

  #checkSize(topic: Topic, value: Uint8Array): void {
    if (value.length <= this.#maxRecordBytes) return
    throw new LogError(
      'RECORD_TOO_LARGE',
      `a record for '${topic}' has ${value.length} bytes; the log takes at most ${this.#maxRecordBytes}`,
    )
  }

  reply(to: ReplyTo, reply: { readonly ok: boolean; readonly code: string; readonly body: unknown }): void {
    this.emit('replies', to.partition, {
      kind: 'Reply',
      correlation: to.correlation,
      ok: reply.ok,
      code: reply.code,
      body: toJsonText(reply.body),
    })
  }

  payload(tenant: TenantId, text: JsonText): JsonText {
    const mark = this.#payloads === null ? null : storedPayload(text)
    if (mark === null) return text
    const key = `${tenant}/${mark.hash}`
    const found = this.fetched.get(key) ?? this.#payloads!.peek(tenant, mark.hash)
    if (found instanceof PayloadLost) throw found
    if (found !== undefined) return found
    this.wanted.set(key, { tenant, hash: mark.hash })
    throw new PayloadAway(this.wanted.size >= WANTED_AT_ONCE)
  }

  stored(tenant: TenantId, text: JsonText): JsonText {
    const marked = this.#payloads?.mark(tenant, text) ?? null
    if (marked === null) return text
    this.unstored.push(marked.store)
    return marked.mark
  }

  count(name: CounterName, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by)
  }

  mark(): Mark {
    return {
      outbox: this.outbox.length,
      fused: this.fused.length,
      traced: this.traced.length,
      unstored: this.unstored.length,
    }
  }

  rollback(mark: Mark): void {
    this.fuseBudget += this.fused.length - mark.fused
    this.outbox.length = mark.outbox
    this.fused.length = mark.fused
    this.unstored.length = mark.unstored
    this.traced.length = mark.traced
    this.#state.undo()
  }

  /** Leaves a fused record for a later turn: it is appended unflagged and comes round again. */
  unfuse(index: number): void {
    this.outbox[index] = { ...this.outbox[index]!, handled: false }
  }
}
