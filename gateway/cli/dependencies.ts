/** What the command line is given by whoever wires it. */
import type { Readable } from 'node:stream'
import type { BlockType } from '../../schemas/flow/block-types.ts'
import type { DryRunReport, DryRunRequest } from '../../topology/dry-run/port.ts'
import type { Environment } from '../../topology/environment.ts'
import type { TopicsReport } from '../../topology/log/topics-report.ts'
import type { VerifyReport } from '../../topology/verify/report.ts'
import type { LoadedConfig } from '../config/load-config.ts'

export interface VerifyConfig {
  readonly dataFolder: string
  /** Effect ledger, JSON lines. */
  readonly ledgerFile: string | null
  /** What clients were told, JSON lines. */
  readonly historyFile: string | null
  /** Everything should be finished: what is not counts as lost. */
  readonly settled: boolean
}

/** What a backup says of itself, as in its `backup.json`. */
export interface BackupReport {
  readonly taken_at_ms: number
  readonly log_id: string
  readonly partitions: number
  readonly records: number
  readonly cut: { readonly [partition: string]: number }
  readonly blobs?: { readonly named: number; readonly elsewhere: number }
  readonly files: readonly { readonly name: string; readonly bytes: number }[]
}

/** What a data folder looks like from outside. */
export type FolderState =
  | { readonly kind: 'none' }
  | { readonly kind: 'damaged'; readonly reason: string }
  | {
      readonly kind: 'log'
      readonly version: number
      /** What this Beamline writes. */
      readonly knownVersion: number
      readonly partitions: number
      readonly bytes: number
      /** Nothing has to be checked when it is opened. */
      readonly closed: boolean
      /** Id of the process that has it open. */
      readonly owner: string | null
    }

export interface ProcessProfile {
  readonly heap: {
    readonly pid: number
    readonly memory: { readonly rss: number; readonly heapUsed: number; readonly external: number }
    readonly limit_bytes: number
  }
  /** A `.cpuprofile`. */
  readonly profile: unknown
}

/** Scripts that exist in a checkout only. */
export type Script = 'bench' | 'demo' | 'simulate'

export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
  /** Terminals tell when their size has changed. */
  on?(event: 'resize', listener: () => void): unknown
  off?(event: 'resize', listener: () => void): unknown
}

export interface CliDependencies {
  readonly version: string
  readonly environment: Environment
  readonly variables: { readonly [name: string]: string | undefined }
  readonly stdin: Readable
  readonly stdout: Output
  readonly stderr: Output
  /** Fires when the command should end, e.g. on SIGINT. */
  readonly interrupted: AbortSignal
  /** Runs a node until it is told to stop; resolves with the exit code. */
  readonly startNode: (loaded: LoadedConfig) => Promise<number>
  /** Plans the topics of a deployment on Kafka, and creates and changes them with `apply`; without `create` what is missing is left to somebody else. */
  readonly manageTopics: (
    loaded: LoadedConfig,
    request: { readonly apply: boolean; readonly create: boolean },
  ) => Promise<TopicsReport>
  readonly verify: (config: VerifyConfig) => Promise<VerifyReport>
  /** Types that steps may have on this machine. Absent: those of this version, and what steps give their blocks is not checked. */
  readonly blockTypes?: () => Promise<readonly BlockType[]>
  /** Runs a flow once on virtual time; nothing outside is touched. */
  readonly dryRun: (request: DryRunRequest) => Promise<DryRunReport>
  /** Copies a data folder into an empty one, also while its owner runs. */
  readonly backUp: (request: { readonly dataFolder: string; readonly destination: string }) => Promise<BackupReport>
  /** Makes a data folder of a backup. */
  readonly restore: (request: { readonly source: string; readonly dataFolder: string }) => Promise<BackupReport>
  readonly inspectFolder: (folder: string) => FolderState
  /** Looks up every secret and file that the settings name. @throws {Error} for one that cannot be read */
  readonly checkSettings: (loaded: LoadedConfig) => void
  /** Asks a process that runs on the data folder; `pid`: which one, where there are several. */
  readonly profile: (request: {
    readonly dataFolder: string
    readonly pid: number | null
    readonly ms: number
  }) => Promise<ProcessProfile>
  /** Resolves with the exit code, or `null` where there is no such script. */
  readonly runScript: (script: Script, args: readonly string[]) => Promise<number | null>
}
