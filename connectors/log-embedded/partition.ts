/**
 * One topic partition on the main thread: its offsets, the records that are in memory, and who reads them.
 *
 * 1. `tailBase <= durable <= next`; the tail holds exactly the records `[tailBase, next)`.
 * 2. Records from `durable` on are only in memory and never dropped; those below may be, and are then read from the file.
 * 3. Offsets in the tail have no gaps.
 */
import type { Topic } from '../../schemas/topics.ts'
import type { LogRecord, OutRecord, Progress } from '../../topology/log/port.ts'
import { BatchWriter } from './batch-codec.ts'
import type { SpanState } from './protocol.ts'
import { spanId } from './schema.ts'

/** Dropping a few records at a time would cost more than keeping them. */
const DROP_AT_LEAST = 16

export interface TailLimits {
  /** Bounds of durable records kept in memory for readers that have not read them yet. */
  readonly maxRecords: number
  readonly maxBytes: number
}

/** A reader as the partition sees it. */
export interface Consumer {
  /** It has, or has got hold of, all records below. */
  readonly frontier: number
  /** Whether it sees records before they are durable. */
  readonly eager: boolean
  /** There may be new records. */
  wake(): void
  /** What it has seen may have become durable. */
  advanced(): void
}

export class Partition {
  readonly topic: Topic
  readonly partition: number
  readonly span: number
  /** What the next transaction appends. */
  readonly batch = new BatchWriter()
  readonly #limits: TailLimits
  readonly #consumers = new Set<Consumer>()
  #eager: Consumer | null = null
  #tail: LogRecord[] = []
  #tailBytes = 0
  #tailBase: number
  first: number
  next: number
  durable: number
  committed: number
  /** As last reported, durable or not. */
  progress: Progress

  constructor(state: SpanState, limits: TailLimits) {
    this.topic = state.topic
    this.partition = state.partition
    this.span = spanId(state.topic, state.partition)
    this.#limits = limits
    this.first = state.first
    this.next = state.next
    this.durable = state.next
    this.#tailBase = state.next
    this.committed = state.committed
    this.progress = progressOf(state)
  }

  get tailBase(): number {
    return this.#tailBase
  }

  /** The record at an offset of the tail. */
  inTail(offset: number): LogRecord {
    return this.#tail[offset - this.#tailBase]!
  }

  append(record: OutRecord, timestampMs: number): number {
    const offset = this.next++
    const { topic, partition, key, value, headers, handled, message } = record
    this.#tail.push({ topic, partition, key, value, headers, handled, message, offset, timestampMs })
    this.#tailBytes += value.length
    this.batch.add(record, offset, timestampMs)
    this.#eager?.wake()
    return offset
  }

  /** Everything below `next` is durable now. */
  advance(next: number): void {
    this.durable = next
    for (const consumer of this.#consumers) {
      if (consumer.eager) consumer.advanced()
      else consumer.wake()
    }
    this.#drop()
  }

  /** Takes back what is not durable. */
  truncate(): void {
    this.batch.clear()
    this.#tail.length = this.durable - this.#tailBase
    this.#tailBytes = this.#tail.reduce((bytes, each) => bytes + each.value.length, 0)
    this.next = this.durable
  }

  /** Goes on from where the file stands, after `truncate`. */
  resume(state: SpanState): void {
    this.committed = state.committed
    this.progress = progressOf(state)
    if (state.next === this.next) return
    this.#tail = []
    this.#tailBytes = 0
    this.#tailBase = state.next
    this.next = state.next
    this.advance(state.next)
    this.#eager?.wake()
  }

  attach(consumer: Consumer): void {
    this.#consumers.add(consumer)
    if (consumer.eager) this.#eager = consumer
  }

  detach(consumer: Consumer): void {
    this.#consumers.delete(consumer)
    if (this.#eager === consumer) this.#eager = null
  }

  #drop(): void {
    const base = this.#tailBase
    let keepFrom = Math.max(base, this.durable - this.#limits.maxRecords)
    let needed = this.durable
    for (const { frontier } of this.#consumers) if (frontier >= base && frontier < needed) needed = frontier
    keepFrom = Math.max(keepFrom, needed)
    const count = keepFrom - base
    const over = this.#tailBytes > this.#limits.maxBytes
    if (!over && (count < DROP_AT_LEAST || count * 2 < this.#tail.length)) return
    let drop = 0
    while (drop < this.durable - base && (drop < count || this.#tailBytes > this.#limits.maxBytes)) {
      this.#tailBytes -= this.#tail[drop++]!.value.length
    }
    if (drop === 0) return
    this.#tail.splice(0, drop)
    this.#tailBase += drop
  }
}

function progressOf(state: SpanState): Progress {
  return { next: state.committed, beyond: state.beyond === null ? [] : JSON.parse(state.beyond) }
}
