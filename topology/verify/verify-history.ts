/** Checks a whole history: every record of a log, an effect ledger and what clients were told. */
import { TOPICS } from '../../schemas/topics.ts'
import type { Log, LogRecord, PartitionInfo } from '../log/port.ts'
import type { ClientLine, LedgerLine } from './formats.ts'
import type { VerifyReport } from './report.ts'
import { Verifier, type VerifyOptions } from './verifier.ts'

/** Where the records come from. */
export interface HistorySource {
  readonly partitions: number
  describe(): Promise<readonly PartitionInfo[]>
  /** Committed records of the partition in order, from the first that is there up to `end` (exclusive). */
  records(info: PartitionInfo): AsyncIterable<readonly LogRecord[]>
}

export interface HistoryInput {
  readonly ledger?: Iterable<LedgerLine>
  readonly client?: Iterable<ClientLine>
}

/** Reads everything once. The log should be at rest; what is appended meanwhile is left out. */
export async function verifyHistory(
  source: HistorySource,
  input: HistoryInput = {},
  options: Omit<VerifyOptions, 'partitions'> = {},
): Promise<VerifyReport> {
  const positions = await source.describe()
  const verifier = new Verifier(positions, { ...options, partitions: source.partitions })
  const rank = (info: PartitionInfo) => (info.topic === 'control' ? -1 : TOPICS.indexOf(info.topic))
  const ordered = positions.toSorted((a, b) => rank(a) - rank(b) || a.partition - b.partition)
  for (const info of ordered) {
    for await (const batch of source.records(info)) for (const record of batch) verifier.add(record)
  }
  for (const line of input.ledger ?? []) verifier.effect(line)
  for (const line of input.client ?? []) verifier.client(line)
  return verifier.finish()
}

const BATCH = 1_000

/** Reads an open log through its port. */
export function sourceOf(log: Log): HistorySource {
  return {
    partitions: log.partitions,
    describe: () => log.describe(),
    async *records({ topic, partition, firstOffset, nextOffset }) {
      if (firstOffset >= nextOffset) return
      const reader = log.read(topic, partition, 'first')
      try {
        while (reader.position < nextOffset) {
          const records = await reader.next(BATCH)
          if (records.length === 0) return
          const known = records.filter((record) => record.offset < nextOffset)
          if (known.length > 0) yield known
        }
      } finally {
        reader.close()
      }
    },
  }
}
