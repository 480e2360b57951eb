/** The verdict over a deployment at rest: the raw topics as Kafka's own client reads them, what clients were told, and what the outside saw. */
import { readFileSync } from 'node:fs'
import { parseClientLine, parseLedgerLine, parseLines } from '../../../topology/verify/formats.ts'
import type { VerifyReport } from '../../../topology/verify/report.ts'
import { Verifier } from '../../../topology/verify/verifier.ts'
import type { KafkaCluster } from '../../kafka/cluster.ts'
import { readRawTopics } from './raw-topics.ts'

export interface Verdict {
  readonly report: VerifyReport
  /** Partitions with a transaction that was never ended. */
  readonly stuck: readonly string[]
}

export interface VerdictFiles {
  readonly ledgerFile: string
  readonly historyFile: string
  /** To be written: the raw topics. */
  readonly rawFile: string
}

export async function verdict(
  kafka: KafkaCluster,
  prefix: string,
  partitions: number,
  files: VerdictFiles,
): Promise<Verdict> {
  const raw = await readRawTopics(kafka, prefix, partitions, files.rawFile)
  const verifier = new Verifier(raw.positions, { partitions, settled: true, effectBlocks: ['http'] })
  for await (const record of raw.records()) verifier.add(record)
  for (const line of parseLines(readFileSync(files.ledgerFile, 'utf8'), parseLedgerLine)) verifier.effect(line)
  for (const line of parseLines(readFileSync(files.historyFile, 'utf8'), parseClientLine)) verifier.client(line)
  return { report: verifier.finish(), stuck: raw.stuck }
}
