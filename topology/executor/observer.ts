/** What an executor tells; metrics and logs hang off it. Every method is called after the fact and must not throw. */

import type { BlockLogLine } from '../../processors/execute/block.ts'
import type { TenantId } from '../../schemas/ids.ts'
import type { Json } from '../../schemas/json.ts'
import type { ExecuteStep } from '../../schemas/records/execute.ts'
import type { AttemptStatus } from '../../schemas/records/result.ts'
import type { Pool } from '../../schemas/topics.ts'

export interface FinishedStep {
  readonly pool: Pool
  readonly block: string
  readonly tenant: TenantId
  readonly status: AttemptStatus
  readonly errorCode: string | null
  readonly durationMs: number
  /** From the append of the step's record to its start. */
  readonly waitedMs: number
}

export interface ExecutorLoad {
  /** Read, not started. */
  readonly queued: number
  readonly running: number
  /** Blocks that did not end within the abort grace and hold no slot any more. */
  readonly orphans: number
  /** Bytes of results that wait to be durable. */
  readonly unreportedBytes: number
  readonly partitions: number
}

export interface ExecutorObserver {
  started(pool: Pool, block: string): void
  finished(step: FinishedStep): void
  /** After each round of work. */
  load(pool: Pool, load: ExecutorLoad): void
  assigned(pool: Pool, partition: number): void
  revoked(pool: Pool, partition: number): void
  /** A line that a block wrote for its step's log. Without it blocks are told that nobody keeps any. */
  logged?(step: ExecuteStep, line: BlockLogLine): void
  /** An interim result of a step that is running. Without it blocks are told that nobody listens. */
  progressed?(step: ExecuteStep, value: Json): void
  /** A block ignored its signal beyond the grace. */
  orphaned(pool: Pool, step: ExecuteStep): void
  /** A copy of a record whose attempt this executor knows was not run again. */
  duplicate(pool: Pool, partition: number): void
  carriedForward(pool: Pool, partition: number, records: number): void
  deadLettered(pool: Pool, partition: number, offset: number, code: string, message: string): void
  reportFailed(pool: Pool, partition: number, attempt: number, error: unknown): void
  /** A partition stands still until somebody has seen to it; the others go on. */
  stopped(pool: Pool, partition: number, error: Error): void
  /** Everything not reported is given up; the pool is joined anew. */
  rejoining(pool: Pool, error: unknown): void
}

const nothing = (): void => {}

export const SILENT_OBSERVER: ExecutorObserver = {
  started: nothing,
  finished: nothing,
  load: nothing,
  assigned: nothing,
  revoked: nothing,
  orphaned: nothing,
  duplicate: nothing,
  carriedForward: nothing,
  deadLettered: nothing,
  reportFailed: nothing,
  stopped: nothing,
  rejoining: nothing,
}
