import type { CarryLimits } from '../../processors/execute/carry-forward.ts'
import { MAX_BLOB_BYTES } from '../blobs/block-blobs.ts'
import type { Payloads } from '../blobs/payloads.ts'

export interface ExecutorOptions {
  /**
   * Steps read but not started, at most; default 1,024. A `CancelStep` beyond it is seen late, so it should not be below what route
   * keeps outstanding.
   */
  readonly readAhead: number
  /** An output is JSON text of at most so many UTF-8 bytes; default 1 MiB. */
  readonly outputLimitBytes: number
  /** Where large inputs and outputs lie, and the blobs of steps. Default: nowhere. */
  readonly payloads: Payloads | null
  /** Largest blob that a step may store; default 1 GiB. */
  readonly blobLimitBytes: number
  /** How long an aborted block may take to end before its slot is taken from it; default 500. */
  readonly abortGraceMs: number
  /** How long the steps of a revoked partition may go on; default 3,000. */
  readonly revokeGraceMs: number
  /** How long `drain` waits for running steps; default 30,000. */
  readonly drainMs: number
  /** Ended attempts remembered per partition, so that a copy of their record is not run again; default 10,000. */
  readonly rememberedAttempts: number
  /** No step is started while results of more than so many bytes wait to be reported; default 64 MiB. */
  readonly unreportedBytes: number
  readonly carry: CarryLimits
  /** A failed report is repeated `attempts` times (without end while the log is full), then the executor joins its pool anew. */
  readonly retry: { readonly attempts: number; readonly baseMs: number; readonly maxMs: number }
}

export const EXECUTOR_DEFAULTS: ExecutorOptions = {
  readAhead: 1_024,
  outputLimitBytes: 1 << 20,
  payloads: null,
  blobLimitBytes: MAX_BLOB_BYTES,
  abortGraceMs: 500,
  revokeGraceMs: 3_000,
  drainMs: 30_000,
  rememberedAttempts: 10_000,
  unreportedBytes: 64 << 20,
  carry: { minAgeMs: 1_000, records: 10_000, ageMs: 600_000, runs: 200 },
  retry: { attempts: 8, baseMs: 50, maxMs: 2_000 },
}
