/** What can be set for the embedded log. */
import type { Environment } from '../../topology/environment.ts'
import type { ReaderData, Retention, WriterData } from './protocol.ts'
import { MAX_PARTITIONS } from './schema.ts'
import type { LogWriter } from './sequencer.ts'

export interface EmbeddedLogOptions {
  /** Created if it is not there. One process at a time. */
  readonly folder: string
  /** 1..65536; chosen when the folder is created. */
  readonly partitions: number
  readonly environment: Environment
  /** Largest value of a record. Default 8 MiB. */
  readonly maxRecordBytes?: number
  /** How long batches stay that their reader has consumed. Default: 1 hour, 512 MiB per topic. Records nobody consumed are never removed. */
  readonly consumed?: Partial<Retention>
  /** Default: 7 days, 1 GiB. */
  readonly events?: Partial<Retention>
  /** Default: 1 minute, 16 MiB. */
  readonly replies?: Partial<Retention>
  /** Transactions, each a group, that are kept as they were written before the oldest are sorted by topic partition. Default 16,384. */
  readonly settleGroups?: number
  /** The same, in stored bytes. Default 128 MiB. */
  readonly settleBytes?: number
  /** Groups sorted in one transaction. More make larger rows, which are trimmed as a whole. Default 128. */
  readonly settleAtOnce?: number
  /** Changelog of a task beyond which it is folded into the live rows. Default 16 MiB. */
  readonly foldBytes?: number
  /** Consumed bytes of a `control` partition from which on superseded definitions are removed. Default 4 MiB. */
  readonly compactBytes?: number
  /** Write-ahead log beyond which it is copied into the database. Default 8 MiB. */
  readonly checkpointBytes?: number
  /** Every how many milliseconds the log looks for something to trim, if anything was written. Default 10,000. */
  readonly tidyEveryMs?: number
  /** Durable records of a partition kept in memory for readers in this process that are behind. Default 2,000: many more would cost more in garbage collection than reading them again does. */
  readonly tailRecords?: number
  /** The same, in bytes of their values. Default 64 MiB. */
  readonly tailBytes?: number
  /** Most pages (of 4 KiB) the database may grow to. Default: no bound. */
  readonly maxPages?: number
  /** Puts something between the log and its writer thread; for tests. */
  readonly interpose?: (writer: LogWriter) => LogWriter
}

const HOUR_MS = 3_600_000
const MIB = 1 << 20

export function writerData(options: EmbeddedLogOptions): WriterData {
  const { folder, partitions, environment, maxPages } = options
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > MAX_PARTITIONS) {
    throw new RangeError(`partitions is ${partitions}; expected a whole number from 1 to ${MAX_PARTITIONS}`)
  }
  const newId = Array.from({ length: 4 }, () => environment.randomU32().toString(16).padStart(8, '0')).join('')
  return { folder, partitions, newId, nowMs: environment.now(), maxPages: maxPages ?? null }
}

export function readerData(options: EmbeddedLogOptions): ReaderData {
  const { folder, partitions } = options
  return {
    folder,
    partitions,
    consumed: { maxAgeMs: HOUR_MS, maxBytes: 512 * MIB, ...options.consumed },
    events: { maxAgeMs: 7 * 24 * HOUR_MS, maxBytes: 1024 * MIB, ...options.events },
    replies: { maxAgeMs: HOUR_MS / 60, maxBytes: 16 * MIB, ...options.replies },
    settleGroups: options.settleGroups ?? 16_384,
    settleBytes: options.settleBytes ?? 128 * MIB,
    settleAtOnce: options.settleAtOnce ?? 128,
    compactBytes: options.compactBytes ?? 4 * MIB,
  }
}
