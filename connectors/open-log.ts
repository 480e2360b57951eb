/** Opens the log of a process: the embedded one, or the one on Kafka behind a schema registry. */
import type { Environment } from '../topology/environment.ts'
import type { Log } from '../topology/log/port.ts'
import type { SubjectStore } from '../topology/schema-registry/port.ts'
import { type EmbeddedLog, openEmbeddedLog } from './log-embedded/embedded-log.ts'
import type { EmbeddedLogOptions } from './log-embedded/options.ts'
import type { KafkaLogOptions } from './log-kafka/options.ts'
import type { ExternalRegistryOptions } from './schema-registry/options.ts'

export type LogChoice =
  | { readonly kind: 'embedded'; readonly options?: Pick<EmbeddedLogOptions, 'consumed' | 'events'> }
  | {
      readonly kind: 'kafka'
      readonly options: Omit<KafkaLogOptions, 'environment' | 'partitions' | 'onProblem'>
      /** Default: the one that is built in. */
      readonly registry?: RegistryChoice
    }

export type RegistryChoice = Omit<ExternalRegistryOptions, 'kind' | 'environment' | 'topicPrefix' | 'onProblem'>

export type OpenedLog =
  | { readonly kind: 'embedded'; readonly log: EmbeddedLog; readonly subjects: null; close(): Promise<void> }
  | {
      readonly kind: 'kafka'
      readonly log: Log
      readonly choice: Extract<LogChoice, { readonly kind: 'kafka' }>
      /** What the gateway serves as a schema registry; `null` if there is another one. */
      readonly subjects: SubjectStore | null
      close(): Promise<void>
    }

export interface OpenLogOptions {
  /** Where the embedded log is. */
  readonly dataFolder: string
  readonly partitions: number
  readonly environment: Environment
  /** Whether this process registers Beamline's own schemas with the registry that is built in. */
  readonly registersSchemas: boolean
  /** Told in words of what goes wrong and is tried again. */
  readonly onProblem: (message: string) => void
}

/**
 * @throws {LogError} `retriable` where the same call may succeed later, e.g. while no broker answers
 * @throws {SchemaRegistryError} if the registry holds what does not fit
 */
export async function openLog(choice: LogChoice, options: OpenLogOptions): Promise<OpenedLog> {
  if (choice.kind === 'kafka') {
    // its packages take a tenth of a second to load, which a process on the embedded log is spared
    const { openLogOnKafka } = await import('./open-kafka-log.ts')
    return openLogOnKafka(choice, options)
  }
  const { dataFolder, partitions, environment } = options
  const log = await openEmbeddedLog({ ...choice.options, folder: dataFolder, partitions, environment })
  return { kind: 'embedded', log, subjects: null, close: () => log.close() }
}
