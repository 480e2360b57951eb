/** The body of the reply to `DescribeRoute`. Each task answers for itself; the gateway adds up the answers of all. */
import type { Pool } from './topics.ts'

export interface PoolPartitionShare {
  readonly pool: Pool
  readonly partition: number
  /** Empty: nobody has the partition, as far as this task knows. */
  readonly worker_id: string
  /** Attempts at once, of the worker in this pool. */
  readonly capacity: number
  /** The last sign of life that this task had; 0: none. */
  readonly seen_at_ms: number
  /** Attempts that this task has assigned to the partition and that have not ended. */
  readonly in_flight: number
}

export interface RouteDescription {
  readonly at_ms: number
  readonly partitions: readonly PoolPartitionShare[]
  /** Steps of this task that wait to be assigned, by pool. */
  readonly waiting: { readonly [pool: string]: number }
  /** What workers have said of their devices; absent in the answer of an older task. */
  readonly devices?: readonly WorkerDeviceShown[]
}

export interface WorkerDeviceShown {
  readonly pool: Pool
  readonly worker_id: string
  /** `null`: no device is open now. */
  readonly backend: string | null
  readonly adapter: string | null
  readonly array_max_bytes: number | null
  readonly why: string
  readonly warm_kernels: readonly string[]
}
