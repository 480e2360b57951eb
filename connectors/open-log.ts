/** Opens the log of a process: the embedded one, or the one on Kafka. */
import type { Environment } from '../topology/environment.ts'
import { type Log, LogError } from '../topology/log/port.ts'
import { type EmbeddedLog, openEmbeddedLog } from './log-embedded/embedded-log.ts'
import type { EmbeddedLogOptions } from './log-embedded/options.ts'
import type { KafkaLogOptions } from './log-kafka/options.ts'

export type LogChoice =
  | { readonly kind: 'embedded'; readonly options?: Pick<EmbeddedLogOptions, 'consumed' | 'events'> }
  | { readonly kind: 'kafka'; readonly options: Omit<KafkaLogOptions, 'environment' | 'partitions' | 'onProblem'> }

export type OpenedLog =
  | { readonly kind: 'embedded'; readonly log: EmbeddedLog }
  | { readonly kind: 'kafka'; readonly log: Log; readonly options: KafkaLogOptions }

export interface OpenLogOptions {
  /** Where the embedded log is. */
  readonly dataFolder: string
  readonly partitions: number
  readonly environment: Environment
  /** Told in words of what goes wrong and is tried again. */
  readonly onProblem: (message: string) => void
}

/** @throws {LogError} `retriable` where the same call may succeed later, e.g. while no broker answers */
export async function openLog(choice: LogChoice, options: OpenLogOptions): Promise<OpenedLog> {
  const { dataFolder, partitions, environment } = options
  if (choice.kind === 'embedded') {
    const log = await openEmbeddedLog({ ...choice.options, folder: dataFolder, partitions, environment })
    return { kind: 'embedded', log }
  }
  throw new LogError('UNREACHABLE', 'the log on Kafka is not part of this build')
}
