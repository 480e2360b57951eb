/**
 * The projection itself: applies batches of `events`, and is asked. Writing is synchronous; it lives in a worker thread.
 *
 * P1. A partition's rows and its position change in one transaction, and a batch begins at that position: every event is applied exactly once.
 * P2. A damaged file is thrown away and begun anew; `positions` then start from 0 again.
 */
import type { Kysely } from 'kysely'
import { decodeRecord } from '../../../schemas/codec/wire.ts'
import type { RunId, TenantId } from '../../../schemas/ids.ts'
import type { BeamlineRecord } from '../../../schemas/records/index.ts'
import type { AsOf } from '../../../topology/read-model/lists.ts'
import type { RunStatus } from '../../../topology/read-model/port.ts'
import { DEFAULT_MAX_PAYLOAD_BYTES, type EventRecord } from '../events.ts'
import { type BatchChange, emptyBatch, foldEvent } from '../fold.ts'
import { statusOf } from '../queries/get-run.ts'
import { type Answer, type Asked, ask, type Question } from '../queries/read-queries.ts'
import { readAsOf } from '../queries/snapshot.ts'
import { DEFAULT_RETENTION, RETENTION_EVERY, type RetentionOptions } from '../retention.ts'
import type { ReadTables } from '../tables.ts'
import { type OpenedDatabase, openDatabase } from './database.ts'
import { kyselyOn } from './dialect.ts'
import { createRetention, type Retain } from './retention.ts'
import { createWriter, type Writer } from './write.ts'

export interface ProjectionOptions {
  /** Path of the file, or `:memory:`. */
  readonly file: string
  readonly partitions: number
  /** Next offsets of the log's `events`, by partition; a projection ahead of them is begun anew. Empty: not checked. */
  readonly heads?: readonly number[]
  /** `log.id`; a projection of another log is begun anew. Left out: not checked. */
  readonly logId?: string
  /** Larger payloads are not kept. Default 1 MiB. */
  readonly maxPayloadBytes?: number
  readonly retention?: Partial<RetentionOptions>
}

export interface PartitionBatch {
  readonly partition: number
  readonly records: readonly EventRecord[]
  /** Where to go on, if not after the last record. */
  readonly nextOffset?: number
}

export class Projection {
  readonly #options: ProjectionOptions
  #opened!: OpenedDatabase
  #writer!: Writer
  #db!: Kysely<ReadTables>
  #asOf: AsOf | null = null
  #retain!: Retain
  #batches = 0
  #latestMs = 0
  #undecodable = 0

  constructor(options: ProjectionOptions) {
    this.#options = options
    this.#open()
  }

  get positions(): readonly number[] {
    return this.#opened.positions
  }

  /** Why the file was begun anew when it was opened last; `null` if it was not. */
  get rebuilt(): string | null {
    return this.#opened.rebuilt
  }

  /** Events that could not be read and were passed over. */
  get undecodable(): number {
    return this.#undecodable
  }

  /** Applies records in order of offset; those below the position are passed over. Returns the runs that ended. */
  apply(partition: number, records: readonly EventRecord[], nextOffset?: number): readonly RunId[] {
    return this.applyAll([{ partition, records, ...(nextOffset === undefined ? {} : { nextOffset }) }])
  }

  /** As `apply`, for several partitions in one transaction, which touches pages that they share only once. */
  applyAll(parts: readonly PartitionBatch[]): readonly RunId[] {
    const batch = emptyBatch()
    const ends = parts.map((part) => ({ partition: part.partition, next: this.#fold(batch, part) }))
    const moved = ends.filter(({ partition, next }) => next > this.#opened.positions[partition]!)
    if (moved.length === 0) return []
    const ended = this.#transaction(() => {
      const runs = this.#writer.apply(batch)
      for (const { partition, next } of moved) this.#writer.setPosition(partition, next, batch.latestMs)
      return runs
    })
    for (const { partition, next } of moved) this.#opened.positions[partition] = next
    this.#asOf = null
    this.#latestMs = Math.max(this.#latestMs, batch.latestMs)
    if (++this.#batches % RETENTION_EVERY === 0) this.#transaction(() => this.#retain(this.#latestMs))
    return ended
  }

  /** No batch may be applied until it is answered. */
  async ask<Q extends Question>(question: Q, asked: Asked<Q>): Promise<Answer<Q>> {
    return ask({ db: this.#db, asOf: await this.asOf() }, question, asked)
  }

  /** `undefined` if there is no such run. */
  statusOf(tenant: TenantId, runId: RunId): Promise<RunStatus | undefined> {
    return statusOf(this.#db, tenant, runId)
  }

  async asOf(): Promise<AsOf> {
    this.#asOf ??= await readAsOf(this.#db)
    return this.#asOf
  }

  /** Begins anew if the error says that the file is damaged; returns whether it did. */
  recover(error: unknown): boolean {
    const code = (error as { errcode?: number }).errcode ?? 0
    // SQLITE_CORRUPT 11, SQLITE_NOTADB 26; the low byte is the primary code.
    if ((code & 0xff) !== 11 && (code & 0xff) !== 26) return false
    this.#opened.database.close()
    this.#open({ discard: (error as Error).message })
    return true
  }

  close(): void {
    this.#opened.database.close()
  }

  #open(damage?: { readonly discard: string }): void {
    const { file, partitions, heads = [], logId = null, maxPayloadBytes, retention } = this.#options
    this.#opened = openDatabase(file, { partitions, heads, logId }, damage?.discard)
    const { database } = this.#opened
    this.#writer = createWriter(database, partitions, maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES)
    this.#db = kyselyOn(database)
    this.#asOf = null
    this.#retain = createRetention(database, { ...DEFAULT_RETENTION, ...retention })
  }

  /** Returns the offset after the last record. */
  #fold(batch: BatchChange, { partition, records, nextOffset = 0 }: PartitionBatch): number {
    const from = this.#opened.positions[partition]!
    let next = Math.max(from, nextOffset)
    for (const record of records) {
      if (record.offset < from) continue
      next = Math.max(next, record.offset + 1)
      const event = record.message ?? this.#decode(record.value)
      if (event !== null) foldEvent(batch, event, partition, record.offset)
    }
    return next
  }

  #decode(value: Uint8Array): BeamlineRecord | null {
    try {
      return decodeRecord(value)
    } catch {
      this.#undecodable++
      return null
    }
  }

  #transaction<T>(work: () => T): T {
    const { database } = this.#opened
    database.exec('BEGIN')
    try {
      const result = work()
      database.exec('COMMIT')
      return result
    } catch (error) {
      this.#writer.reset()
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
  }
}
