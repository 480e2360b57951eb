/** Reading a log's database directly, from any thread or process, while its owner runs. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Topic } from '../../schemas/topics.ts'
import { LogError, type LogRecord } from '../../topology/log/port.ts'
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

/** Opens a data folder read-only. @throws {LogError} `DATA_FOLDER_CORRUPT`; others if there is no database in the folder, or it is none of ours */
export function openEmbeddedReader(folder: string): EmbeddedReader {
  const { database, partitions } = openDatabase(join(folder, DATABASE_FILE))
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

function openDatabase(file: string): { readonly database: DatabaseSync; readonly partitions: number } {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    database.exec('PRAGMA busy_timeout = 10000')
    return { database, partitions: metaOf(database).get('partitions')! }
  } catch (error) {
    database.close()
    const { errcode = 0, message } = error as { readonly errcode?: number; readonly message: string }
    // the lower byte is the kind of error, the others say more
    if (!DAMAGED.includes(errcode & 0xff)) throw error
    throw new LogError('DATA_FOLDER_CORRUPT', `the database ${file} is damaged: ${message}; it was left as it is`, {
      cause: error,
    })
  }
}

const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26
const DAMAGED: readonly number[] = [SQLITE_CORRUPT, SQLITE_NOTADB]
