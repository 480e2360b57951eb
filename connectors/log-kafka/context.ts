/** What the parts of the log share. */
import type { Environment } from '../../topology/environment.ts'
import type { OutRecord } from '../../topology/log/port.ts'
import type { Fetcher, KafkaClient } from '../kafka-client/contract.ts'
import type { Names } from './names.ts'
import type { Pace } from './pace.ts'

export interface KafkaLogContext {
  readonly client: KafkaClient
  readonly environment: Environment
  readonly names: Names
  readonly partitions: number
  readonly maxRecordBytes: number
  readonly fetchers: Fetchers
  readonly timings: Timings
  /** How long deletes stay in the changelog; `null` if nothing can be said about that. */
  readonly deleteRetentionMs: number | null
  /** Of the transactions of all tasks. */
  readonly pace: Pace
  readonly onProblem: (message: string) => void
  /** Appends outside of transactions, within the log's bounds. @throws {LogError} */
  append(records: readonly OutRecord[]): Promise<readonly number[]>
  /** Told of what this process has committed, so that it need not be asked for. */
  committed(topic: string, partition: number, offset: number): void
  /** Whether this process is to run the task, as far as it knows. */
  holdsTask(taskId: number): boolean
}

/** Each has connections of its own; made when first used. */
export interface Fetchers {
  readonly tasks: () => Fetcher
  readonly pools: () => Fetcher
  readonly readers: () => Fetcher
}

export interface Timings {
  readonly sessionTimeoutMs: number
  readonly heartbeatMs: number
  readonly rebalanceTimeoutMs: number
  readonly transactionTimeoutMs: number
  /** Time without a commit after which positions are moved past what is no record. */
  readonly settleAfterMs: number
}
