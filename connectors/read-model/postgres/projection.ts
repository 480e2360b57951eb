/**
 * Applies batches of `events` to one build.
 *
 * P1. A partition's rows and its position change in one transaction, which holds the lock of that position, and a batch is applied from that position on: every
 * event is applied exactly once, however many projectors there are and wherever one of them ends.
 */
import type { ClientBase, Pool } from 'pg'
import { decodeRecord } from '../../../schemas/codec/wire.ts'
import type { EpochMs } from '../../../schemas/ids.ts'
import type { BeamlineRecord } from '../../../schemas/records/index.ts'
import { DEFAULT_MAX_PAYLOAD_BYTES, type EventRecord } from '../events.ts'
import { type BatchChange, emptyBatch, foldEvent } from '../fold.ts'
import { DEFAULT_RETENTION, RETENTION_EVERY, type RetentionOptions } from '../retention.ts'
import { payloadsUpTo } from '../rows.ts'
import { schemaOfBuild, takeOver } from './catalog.ts'
import { rowsOf, withConnection } from './connection.ts'
import { announceBuilds, announceEnds } from './notices.ts'
import { createRetention, type Retain } from './retention.ts'
import { writeBatch } from './write.ts'

/** All records of a partition from `from` on, before `nextOffset`. */
export interface PartitionPart {
  readonly partition: number
  readonly from: number
  readonly nextOffset: number
  readonly records: readonly EventRecord[]
}

export interface BuildOptions {
  readonly pool: Pool
  readonly schema: string
  readonly build: number
  readonly partitions: number
  readonly maxPayloadBytes: number
  readonly retention?: Partial<RetentionOptions>
}

export interface Applied {
  /** By partition of the batch, where the build is now. */
  readonly positions: ReadonlyMap<number, number>
  /** Someone else had moved one of them. */
  readonly contested: boolean
  /** The build has taken over. */
  readonly serves: boolean
}

export class BuildProjection {
  readonly #options: BuildOptions
  readonly #retain: Retain
  #batches = 0
  #latestMs: EpochMs = 0

  constructor(options: Omit<BuildOptions, 'maxPayloadBytes'> & { readonly maxPayloadBytes?: number }) {
    this.#options = { ...options, maxPayloadBytes: options.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES }
    this.#retain = createRetention({ ...DEFAULT_RETENTION, ...options.retention })
  }

  /** By partition; `null` if the build is gone. */
  async positions(): Promise<number[] | null> {
    const { pool, schema, build } = this.#options
    const rows = await withConnection(pool, (client) =>
      rowsOf<{ next_offset: number }>(
        client,
        `select next_offset from ${schema}.positions where build = $1 order by partition`,
        [build],
      ),
    )
    return rows.length === 0 ? null : rows.map((row) => row.next_offset)
  }

  /**
   * Applies what has not been applied, of several partitions in one transaction; nothing of a part that begins beyond the position. `replaces` says whether the
   * build is to take over when it has caught up. Returns `null` if the build is gone.
   */
  async apply(parts: readonly PartitionPart[], replaces: boolean): Promise<Applied | null> {
    const applied = await withConnection(this.#options.pool, (client) => this.#transaction(client, parts, replaces))
    if (applied !== null && ++this.#batches % RETENTION_EVERY === 0) {
      await withConnection(this.#options.pool, (client) => this.#letGo(client))
    }
    return applied
  }

  async #transaction(client: ClientBase, parts: readonly PartitionPart[], replaces: boolean): Promise<Applied | null> {
    const { schema, build, partitions, maxPayloadBytes } = this.#options
    await this.#begin(client)
    const positions = await this.#lock(client, parts)
    if (positions === null) {
      await client.query('rollback')
      return null
    }
    const batch = emptyBatch()
    const moved: { partition: number; next: number }[] = []
    let contested = false
    for (const part of parts) {
      const position = positions.get(part.partition)!
      if (position !== part.from) contested = true
      if (part.from > position || part.nextOffset <= position) continue
      foldFrom(batch, part, position)
      moved.push({ partition: part.partition, next: part.nextOffset })
      positions.set(part.partition, part.nextOffset)
    }
    const ended = await writeBatch(client, batch, partitions, payloadsUpTo(maxPayloadBytes))
    await this.#setPositions(client, moved, batch.latestMs)
    const serves = replaces && (await takeOver(client, schema, build))
    // Who waits asks the build that serves.
    if (serves) await announceBuilds(client, schema)
    else if (!replaces) await announceEnds(client, schema, ended)
    await client.query('commit')
    this.#latestMs = Math.max(this.#latestMs, batch.latestMs)
    return { positions, contested, serves }
  }

  async #begin(client: ClientBase): Promise<void> {
    const { schema, build } = this.#options
    // A tail lost with the server costs nothing, since positions go with the rows; a projector that stands still must not hold locks for ever.
    await client.query(`begin isolation level read committed; set local search_path to ${schemaOfBuild(schema, build)};
      set local synchronous_commit to off; set local jit to off; set local idle_in_transaction_session_timeout to '15s';
      set local lock_timeout to '30s'`)
  }

  async #lock(client: ClientBase, parts: readonly PartitionPart[]): Promise<Map<number, number> | null> {
    const { schema, build } = this.#options
    const rows = await rowsOf<{ partition: number; next_offset: number }>(
      client,
      `select partition, next_offset from ${schema}.positions where build = $1 and partition = any($2::integer[])
        order by partition for update`,
      [build, parts.map((part) => part.partition)],
    )
    return rows.length < parts.length ? null : new Map(rows.map((row) => [row.partition, row.next_offset]))
  }

  async #setPositions(
    client: ClientBase,
    moved: readonly { readonly partition: number; readonly next: number }[],
    latestMs: EpochMs,
  ): Promise<void> {
    const { schema, build } = this.#options
    await client.query(
      `update ${schema}.positions as own set next_offset = given.next, latest_ms = nullif(greatest(own.latest_ms, $4::bigint), 0)
        from unnest($2::integer[], $3::bigint[]) as given(partition, next) where own.build = $1 and own.partition = given.partition`,
      [build, moved.map(({ partition }) => partition), moved.map(({ next }) => next), latestMs],
    )
  }

  async #letGo(client: ClientBase): Promise<void> {
    await this.#begin(client)
    await this.#retain(client, this.#latestMs)
    await client.query('commit')
  }
}

function foldFrom(batch: BatchChange, { partition, records }: PartitionPart, position: number): void {
  for (const record of records) {
    if (record.offset < position) continue
    const event = record.message ?? decoded(record.value)
    if (event !== null) foldEvent(batch, event, partition, record.offset)
  }
}

/** What cannot be read is passed over. */
function decoded(value: Uint8Array): BeamlineRecord | null {
  try {
    return decodeRecord(value)
  } catch {
    return null
  }
}
