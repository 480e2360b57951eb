/** What a process is started with. `configure.ts` makes it of settings. */
import type { BlobChoice } from '../connectors/blobs/open-blobs.ts'
import type { Logger } from '../connectors/logging/logger.ts'
import type { LogChoice } from '../connectors/open-log.ts'
import type { ReadModelChoice } from '../connectors/read-model/open-read-model.ts'
import type { TracingOptions } from '../connectors/tracing/options.ts'
import type { AdmissionLimits } from '../gateway/admission.ts'
import type { Role } from '../gateway/config/settings.ts'
import type { GatewayOptions } from '../gateway/ports.ts'
import type { BlockSettings } from '../processors/execute/blocks/settings.ts'
import type { Pool } from '../schemas/topics.ts'
import type { CommitStats } from '../topology/task/observer.ts'
import type { TopologyOptions } from '../topology/topology.ts'

export interface BlobConfig {
  readonly place: BlobChoice
  /** Larger inputs and outputs lie beside the log. Default 64 KiB. */
  readonly inlineBytes?: number
  /** Largest output of a step. Default 4 MiB. */
  readonly payloadBytes?: number
  /** Largest blob. Default 1 GiB. */
  readonly maxBytes?: number
  /** How long a blob stays that nothing refers to. Default 1 day. */
  readonly keepMs?: number
}

export interface BeamlineConfig {
  /** Of the embedded log, the read model on SQLite and snapshots. */
  readonly dataFolder: string
  /** Default: embedded, in the data folder. */
  readonly log?: LogChoice
  /** Chosen when the log is created. Default 4. */
  readonly partitions?: number
  /** Default: all. */
  readonly roles?: readonly Role[]
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Of the gateway; 0: any free port. Default 8080. */
  readonly port?: number
  /** For health and metrics alone. Default: none. */
  readonly healthPort?: number | null
  /** Default: SQLite in the data folder. */
  readonly readModel?: ReadModelChoice
  /** Default: `snapshots` in the data folder. */
  readonly snapshotFolder?: string
  /** Steps executed at once, by pool. */
  readonly concurrency?: Partial<Record<Pool, number>>
  /** What blocks may dial, secrets, connections; default: from variables of the process. */
  readonly blocks?: BlockSettings
  /** Default: `blobs` in the data folder. */
  readonly blobs?: BlobConfig
  readonly topology?: TopologyOptions
  readonly admission?: Pick<AdmissionLimits, 'maxUndecided' | 'maxUnfinishedRuns'>
  readonly gateway?: GatewayOptions
  /** Default: nothing is traced. */
  readonly tracing?: TracingOptions | null
  /** How long running steps may go on when the process is to end. Default 30 s. */
  readonly graceMs?: number
  /** Publishes the example flows where there is no flow yet. Default false. */
  readonly examples?: boolean
  readonly logger?: Logger
  /** Told of every commit of a task, for measurements. */
  readonly onCommit?: (stats: CommitStats) => void
  /** Gives the start up. */
  readonly signal?: AbortSignal
}
