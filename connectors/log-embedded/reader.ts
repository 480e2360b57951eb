/** Reading a log's database directly, from any thread or process, while its owner runs. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Topic } from '../../schemas/topics.ts'
import type { LogRecord } from '../../topology/log/port.ts'
import { decodeBatch } from './batch-codec.ts'
import { metaOf } from './folder.ts'
import { ALL_TOPICS, DATABASE_FILE, spanId } from './schema.ts'

export interface EmbeddedReader {
  readonly partitions: number
  /** Up to `maxRecords` durable records from `fromOffset` on (or the first one still there); `message` is `null`. */
  read(topic: Topic, partition: number, fromOffset: number, maxRecords: number): LogRecord[]
  /** Of every topic partition: the first offset still there, and that of the next record to come. */
  ends(): {
    readonly topic: Topic
    readonly partition: number
    readonly firstOffset: number
    readonly nextOffset: number
  }[]
  close(): void
}

/** Opens a data folder read-only. @throws if there is no database in the folder, or it is none of ours */
export function openEmbeddedReader(folder: string): EmbeddedReader {
  const database = new DatabaseSync(join(folder, DATABASE_FILE), { readOnly: true })
  database.exec('PRAGMA busy_timeout = 10000')
  const partitions = metaOf(database).get('partitions')!
  const before = database.prepare('SELECT base FROM batches WHERE span = ? AND base <= ? ORDER BY base DESC LIMIT 1')
  const batches = database.prepare('SELECT base, next, data FROM batches WHERE span = ? AND base >= ? ORDER BY base')
  const first = database.prepare('SELECT base FROM batches WHERE span = ? ORDER BY base LIMIT 1')
  const last = database.prepare('SELECT next FROM batches WHERE span = ? ORDER BY base DESC LIMIT 1')
  return {
    partitions,
    read(topic, partition, fromOffset, maxRecords) {
      const span = spanId(topic, partition)
      const base = Number(before.get(span, fromOffset)?.['base'] ?? fromOffset)
      const records: LogRecord[] = []
      for (const row of batches.iterate(span, base)) {
        const data = row['data'] as Uint8Array
        decodeBatch(topic, partition, Number(row['base']), data, fromOffset, Number.POSITIVE_INFINITY, records)
        if (records.length >= maxRecords) break
      }
      return records.length > maxRecords ? records.slice(0, maxRecords) : records
    },
    ends: () =>
      ALL_TOPICS.flatMap((topic) =>
        Array.from({ length: partitions }, (_, partition) => {
          const span = spanId(topic, partition)
          const firstOffset = Number(first.get(span)?.['base'] ?? 0)
          return { topic, partition, firstOffset, nextOffset: Number(last.get(span)?.['next'] ?? 0) }
        }),
      ),
    close: () => database.close(),
  }
}
