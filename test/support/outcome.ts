/**
 * Decisions without a runtime: a `Turn` over plain maps that collects what a processor did, and a driver that hands fused records on and lets
 * time pass, so that whole runs can be told step by step.
 */
import type {
  Cause,
  CounterName,
  Decide,
  Headers,
  Index,
  IndexDef,
  Processor,
  SourceRecord,
  StoreDef,
  Turn,
} from '../../processors/turn.ts'
import type { TenantId } from '../../schemas/ids.ts'
import type { JsonText } from '../../schemas/json.ts'
import type { BeamlineRecord } from '../../schemas/records/index.ts'
import type { ReplyTo } from '../../schemas/records/shared.ts'
import { TASK_TOPICS, type TaskTopic, type Topic } from '../../schemas/topics.ts'

export interface Emitted {
  readonly topic: Topic
  readonly partition: number
  readonly record: BeamlineRecord
}
export interface Replied {
  readonly to: ReplyTo
  readonly ok: boolean
  readonly code: string
  readonly body: unknown
}
export interface Written {
  readonly store: string
  readonly key: string
  /** `null`: deleted. */
  readonly value: unknown
}
/** All a decision did, as plain data; a row written twice appears once, as it was at the end. */
export interface Outcome {
  readonly writes: readonly Written[]
  readonly emits: readonly Emitted[]
  readonly raw: readonly RawEmitted[]
  readonly replies: readonly Replied[]
  readonly counts: { readonly [name in CounterName]?: number }
}
export interface RawEmitted {
  readonly topic: Topic
  readonly partition: number
  readonly key: string | null
  readonly value: Uint8Array
  readonly headers: Headers | null
}

// biome-ignore lint/suspicious/noExplicitAny: stores of different value types in one list
type AnyStore = StoreDef<any>

/** The rows and indexes of one task. Create one, decide on it any number of times. */
export class TestState {
  readonly partition: number
  readonly partitions: number
  readonly #rows = new Map<AnyStore, Map<string, unknown>>()
  readonly #indexes = new Map<unknown, { store: AnyStore; index: Index<unknown> }>()

  constructor(partition = 0, partitions = 1) {
    this.partition = partition
    this.partitions = partitions
  }

  rows<V>(def: StoreDef<V>): Map<string, V> {
    const store = def
    let rows = this.#rows.get(store)
    if (rows === undefined) {
      rows = new Map()
      this.#rows.set(store, rows)
      for (const index of store.indexes ?? []) {
        this.#indexes.set(index, { store, index: index.create(this.partition, this.partitions) })
      }
    }
    return rows as Map<string, V>
  }

  set<V>(store: StoreDef<V>, key: string, value: V | undefined): void {
    const rows = this.rows(store)
    const before = rows.get(key)
    if (value === undefined) rows.delete(key)
    else rows.set(key, value)
    for (const index of store.indexes ?? []) this.#indexes.get(index)!.index.change(key, before, value)
  }

  index<V, I extends Index<V>>(def: IndexDef<V, I>, stores: readonly AnyStore[]): I {
    for (const store of stores) this.rows(store)
    const found = this.#indexes.get(def)
    if (found === undefined) throw new Error(`index '${def.name}' belongs to no store of these processors`)
    return found.index as unknown as I
  }

  /** All rows as plain data, by store name. */
  snapshot(): { [store: string]: { [key: string]: unknown } } {
    const filled = [...this.#rows].filter(([, rows]) => rows.size > 0)
    return Object.fromEntries(filled.map(([store, rows]) => [store.name, Object.fromEntries(rows)]))
  }

  /** Rows that are due at or before `now`, in order of their time. */
  due(stores: readonly AnyStore[], now: number): { store: AnyStore; key: string; at: number }[] {
    const due: { store: AnyStore; key: string; at: number }[] = []
    for (const store of stores) {
      if (store.dueAt === undefined) continue
      for (const [key, row] of this.rows(store)) {
        const at = store.dueAt(row)
        if (at !== null && at <= now) due.push({ store, key, at })
      }
    }
    return due.sort((a, b) => a.at - b.at)
  }
}

export interface At {
  readonly now?: number
  readonly cause?: Cause
  readonly controlIsCurrent?: boolean
  readonly seed?: number
  /** The record as it came; default `null`. */
  readonly source?: SourceRecord
}

/** Collects one decision. Writes go to the state at once. */
export class TestTurn implements Turn {
  readonly now: number
  readonly cause: Cause
  readonly controlIsCurrent: boolean
  readonly emits: Emitted[] = []
  readonly raw: RawEmitted[] = []
  readonly replies: Replied[] = []
  readonly counts: { [name in CounterName]?: number } = {}
  readonly #state: TestState
  readonly #stores: readonly AnyStore[]
  readonly #undo: { store: AnyStore; key: string; before: unknown }[] = []
  #random: number

  constructor(state: TestState, stores: readonly AnyStore[], at: At = {}) {
    this.#state = state
    this.#stores = stores
    this.now = at.now ?? 1_000_000
    this.cause = at.cause ?? { topic: 'result', offset: 0 }
    this.controlIsCurrent = at.controlIsCurrent ?? true
    this.#random = at.seed ?? 1
  }

  get partition(): number {
    return this.#state.partition
  }

  get partitions(): number {
    return this.#state.partitions
  }

  random(): number {
    this.#random = (Math.imul(this.#random, 1664525) + 1013904223) >>> 0
    return this.#random
  }

  get<V>(store: StoreDef<V>, key: string): V | undefined {
    return this.#state.rows(store).get(key)
  }

  put<V>(store: StoreDef<V>, key: string, value: V): void {
    this.#remember(store, key)
    this.#state.set(store, key, value)
  }

  delete<V>(store: StoreDef<V>, key: string): void {
    this.#remember(store, key)
    this.#state.set(store, key, undefined)
  }

  rows<V>(store: StoreDef<V>): IterableIterator<[string, V]> {
    return this.#state.rows(store).entries()
  }

  index<V, I extends Index<V>>(def: IndexDef<V, I>): I {
    return this.#state.index(def, this.#stores)
  }

  emit(topic: Topic, partition: number, record: BeamlineRecord): void {
    this.emits.push({ topic, partition, record })
  }

  emitRaw(topic: Topic, partition: number, key: string | null, value: Uint8Array, headers: Headers | null): void {
    this.raw.push({ topic, partition, key, value, headers })
  }

  reply(to: ReplyTo, { ok, code, body }: { ok: boolean; code: string; body: unknown }): void {
    this.replies.push({ to, ok, code, body })
  }

  payload(_tenant: TenantId, text: JsonText): JsonText {
    return text
  }

  stored(_tenant: TenantId, text: JsonText): JsonText {
    return text
  }

  count(name: CounterName, by = 1): void {
    this.counts[name] = (this.counts[name] ?? 0) + by
  }

  /** Takes all writes back. */
  undo(): void {
    for (const { store, key, before } of this.#undo.reverse()) this.#state.set(store, key, before)
    this.#undo.length = 0
  }

  outcome(): Outcome {
    const changed = new Map(this.#undo.map(({ store, key }) => [`${store.name} ${key}`, { store, key }]))
    const writes = [...changed.values()].map(({ store, key }) => ({
      store: store.name,
      key,
      value: this.#state.rows(store).get(key) ?? null,
    }))
    return { writes, emits: this.emits, raw: this.raw, replies: this.replies, counts: this.counts }
  }

  #remember<V>(def: StoreDef<V>, key: string): void {
    const store = def
    this.#undo.push({ store, key, before: this.#state.rows(store).get(key) })
  }
}

/** Decides one record on the state and gives everything it did. Other stores than the processor's may be read too. */
export function decide(processor: Processor, state: TestState, record: BeamlineRecord, at: At = {}): Outcome {
  const turn = new TestTurn(state, processor.stores, at)
  attempt(turn, processor, record, at.source ?? null)
  return turn.outcome()
}

/** Decides a row of the store that is due. */
export function decideDue<V>(
  processor: Processor,
  state: TestState,
  store: StoreDef<V>,
  key: string,
  at: At = {},
): Outcome {
  const turn = new TestTurn(state, processor.stores, at)
  dueHandlerOf([processor], store)(turn, key, state.rows(store).get(key))
  return turn.outcome()
}

function attempt(turn: TestTurn, processor: Processor, record: BeamlineRecord, source: SourceRecord | null): void {
  const handler = processor.handlers[record.kind] as Decide<BeamlineRecord> | undefined
  if (handler === undefined) throw new Error(`processor '${processor.topic}' has no handler for ${record.kind}`)
  try {
    handler(turn, record, source)
  } catch (error) {
    turn.undo()
    throw error
  }
}

function dueHandlerOf(processors: readonly Processor[], store: AnyStore) {
  for (const processor of processors) {
    const due = processor.due.find((handler) => handler.store === store)
    if (due !== undefined) return due.handle
  }
  throw new Error(`no processor handles due rows of store '${store.name}'`)
}

export interface TaskDriver {
  readonly state: TestState
  /** Everything emitted so far, in order. */
  readonly emits: Emitted[]
  /** What was appended as bytes so far; it is not decided. */
  readonly raw: RawEmitted[]
  readonly replies: Replied[]
  readonly counts: { [name in CounterName]?: number }
  now: number
  /** Decides a record from outside and all it sets off; gives what was emitted. Topics without a processor are only collected. */
  send(topic: TaskTopic, record: BeamlineRecord): readonly Emitted[]
  /** Lets time pass; every row that becomes due is decided at its time. */
  advance(ms: number): readonly Emitted[]
}

/** One task of the given processors, with its fused edges. */
export function driveTask(
  processors: readonly Processor[],
  options: { readonly partition?: number; readonly partitions?: number; readonly now?: number } = {},
): TaskDriver {
  const state = new TestState(options.partition ?? 0, options.partitions ?? 1)
  const stores = processors.flatMap((processor) => processor.stores)
  const byTopic = new Map<Topic, Processor>(processors.map((processor) => [processor.topic, processor]))
  let offset = 0

  const settle = (turn: TestTurn): readonly Emitted[] => {
    for (let next = 0; next < turn.emits.length; next++) {
      const { topic, partition, record } = turn.emits[next]!
      const processor = byTopic.get(topic)
      const own = partition === state.partition && (TASK_TOPICS as readonly Topic[]).includes(topic)
      if (own && processor !== undefined) attempt(turn, processor, record, null)
    }
    driver.emits.push(...turn.emits)
    driver.raw.push(...turn.raw)
    driver.replies.push(...turn.replies)
    for (const [name, by] of Object.entries(turn.counts)) {
      driver.counts[name as CounterName] = (driver.counts[name as CounterName] ?? 0) + by
    }
    return turn.emits
  }

  const driver: TaskDriver = {
    state,
    emits: [],
    raw: [],
    replies: [],
    counts: {},
    now: options.now ?? 1_000_000,
    send(topic, record) {
      const seed = ++offset
      const turn = new TestTurn(state, stores, { now: driver.now, cause: { topic, offset }, seed })
      attempt(turn, byTopic.get(topic)!, record, null)
      return settle(turn)
    },
    advance(ms) {
      const until = driver.now + ms
      const emitted: Emitted[] = []
      for (let due = state.due(stores, until)[0]; due !== undefined; due = state.due(stores, until)[0]) {
        driver.now = Math.max(driver.now, due.at)
        const turn = new TestTurn(state, stores, { now: driver.now, cause: { topic: 'timer', offset }, seed: ++offset })
        dueHandlerOf(processors, due.store)(turn, due.key, state.rows(due.store).get(due.key))
        emitted.push(...settle(turn))
      }
      driver.now = until
      return emitted
    },
  }
  return driver
}
