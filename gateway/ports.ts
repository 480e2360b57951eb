/** What the gateway is given. */
import type { BlockType } from '../schemas/flow/block-types.ts'
import type { Pool } from '../schemas/topics.ts'
import type { BlobStore, PayloadReader } from '../topology/blobs/port.ts'
import type { Environment } from '../topology/environment.ts'
import type { Log } from '../topology/log/port.ts'
import type { ReadModel } from '../topology/read-model/port.ts'
import type { RequestTracing } from '../topology/tracing/port.ts'
import type { Front } from './http/front.ts'
import type { LiveOptions } from './live/live-events.ts'
import type { OlderOptions } from './older/options.ts'

type Write = (fields: Readonly<Record<string, unknown>>, message: string) => void

/** A structured logger; pino's has this form. */
export interface Logger {
  readonly debug: Write
  readonly info: Write
  readonly warn: Write
  readonly error: Write
}

export interface GatewayMetrics {
  /** `route` is the pattern, e.g. `/api/v1/runs/:run_id`, so that the number of label values is bounded. */
  observeRequest(method: string, route: string, status: number, seconds: number): void
  /** A request that a limit of the older routes let through, or not. */
  observeLimit(endpoint: string, tenant: string, allowed: boolean): void
  /** The Prometheus text form. */
  render(): Promise<string>
  readonly contentType: string
}

/** Whether new work is taken. With `admit: false` the client is told to come back after `retryAfterS` seconds. */
export type Admission =
  | { readonly admit: true }
  | {
      readonly admit: false
      readonly status: 429 | 503
      readonly reason: string
      readonly retryAfterS: number
      /** How many there may be of what there are too many of. */
      readonly limit?: number
    }

export interface GatewayOptions {
  /** Partition of `replies` that this gateway reads. Default `null`: any. */
  readonly repliesPartition?: number | null
  /** Largest request body in bytes. Default 1 MiB and 64 KiB, so that an input of 1 MiB fits. */
  readonly bodyLimitBytes?: number
  /** How long to wait for a task's decision before answering 504. Default 10 s. */
  readonly replyTimeoutMs?: number
  /** Upper bound of `?wait=`. Default 5 minutes. */
  readonly maxWaitMs?: number
  /** Requests that may wait at once, for decisions or for runs to end; more are refused. Default 10,000. */
  readonly maxWaiting?: number
  /** Of `GET /api/v1/stream`. */
  readonly live?: LiveOptions
  /** Of the older gateway's routes. */
  readonly older?: OlderOptions
}

export interface GatewayBlobs {
  readonly store: BlobStore
  readonly payloads: PayloadReader
  /** Largest blob that is taken. */
  readonly maxBytes: number
}

/** The workers of this process, which live as surely as it answers. */
export interface WorkersHere {
  readonly workerId: string
  /** Those that it executes steps of now. */
  readonly pools: () => readonly Pool[]
  /** No other process can have workers: the log is this one's alone. */
  readonly alone: boolean
}

export interface GatewayDependencies {
  readonly log: Log
  readonly readModel: ReadModel
  readonly environment: Environment
  readonly logger: Logger
  readonly metrics: GatewayMetrics
  /** Absent: nothing is traced. */
  readonly tracing?: RequestTracing
  /** Asked before each submission, or once before many. */
  readonly admission: (submissions?: number) => Admission
  /** False until what this process does (tasks, pools, read model) can be done. */
  readonly isReady: () => boolean
  /** What it waits for, in words; `null`: it is ready. */
  readonly waitsFor?: () => string | null
  /** Absent: nothing is known of them but what tasks know. */
  readonly workersHere?: WorkersHere
  /** True once the process is about to end: nothing new is taken. */
  readonly isStopping?: () => boolean
  /** A socket that listens already. */
  readonly front?: Front
  /** Absent: there is no place for blobs, and no payload lies in any. */
  readonly blobs?: GatewayBlobs
  /** Types that steps may have. Absent: those of this version, and what steps give their blocks is not checked. */
  readonly blockTypes?: readonly BlockType[]
  readonly options?: GatewayOptions
}

export const DEFAULT_OPTIONS: Required<GatewayOptions> = {
  repliesPartition: null,
  bodyLimitBytes: (1 << 20) + (64 << 10),
  replyTimeoutMs: 10_000,
  maxWaitMs: 300_000,
  maxWaiting: 10_000,
  live: {},
  older: {},
}
