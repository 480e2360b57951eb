/** What the command line is given by whoever wires it. */
import type { Readable } from 'node:stream'
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

/** Scripts that exist in a checkout only. */
export type Script = 'bench' | 'demo' | 'simulate'

export interface Output {
  write(text: string): unknown
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
  /** Resolves with the exit code, or `null` where there is no such script. */
  readonly runScript: (script: Script, args: readonly string[]) => Promise<number | null>
}
