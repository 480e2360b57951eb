/** Reading a log's database directly, from any thread or process, while its owner runs. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Topic } from '../../schemas/topics.ts'
import type { LogRecord } from '../../topology/log/port.ts'
import { decodeBatch } from './batch-codec.ts'
import { metaOf } from './folder.ts'
import { GroupIndex, snapshotOf } from './group-index.ts'
import { fetcher } from './history.ts'
import { DATABASE_FILE, spanId } from './schema.ts'
import { readState } from './stored-state.ts'

/** An average record is seldom smaller; more is read where it was not enough. */
const BYTES_PER_RECORD = 512

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
  const fetch = fetcher(database, new GroupIndex(database))
  const readOnce = (topic: Topic, partition: number, from: number, maxBytes: number) => {
    const to = Number.MAX_SAFE_INTEGER
    const { batches, through } = fetch({ span: spanId(topic, partition), from, to, maxBytes })
    const records: LogRecord[] = []
    for (const { base, data } of batches) decodeBatch(topic, partition, base, data, from, to, records)
    return { records, through: batches.length === 0 ? to : through }
  }
  return {
    partitions,
    read(topic, partition, fromOffset, maxRecords) {
      const records: LogRecord[] = []
      snapshotOf(database, () => {
        let from = fromOffset
        while (records.length < maxRecords && from < Number.MAX_SAFE_INTEGER) {
          const maxBytes = (maxRecords - records.length) * BYTES_PER_RECORD
          const found = readOnce(topic, partition, from, maxBytes)
          for (const record of found.records) records.push(record)
          from = found.through
        }
      })
      return records.length > maxRecords ? records.slice(0, maxRecords) : records
    },
    ends: () =>
      readState(database, partitions).spans.map(({ topic, partition, first, next }) => ({
        topic,
        partition,
        firstOffset: first,
        nextOffset: next,
      })),
    close: () => database.close(),
  }
}
