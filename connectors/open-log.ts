/** Opens the log of a process: the embedded one, or the one on Kafka behind a schema registry. */
import type { Environment } from '../topology/environment.ts'
import { type Log, LogError } from '../topology/log/port.ts'
import type { SubjectStore } from '../topology/schema-registry/port.ts'
import { withSchemaRegistry } from '../topology/schema-registry/translating-log.ts'
import { type EmbeddedLog, openEmbeddedLog } from './log-embedded/embedded-log.ts'
import type { EmbeddedLogOptions } from './log-embedded/options.ts'
import { openKafkaLog } from './log-kafka/kafka-log.ts'
import type { KafkaLogOptions } from './log-kafka/options.ts'
import { createSchemaRegistry } from './schema-registry/create.ts'
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
  if (choice.kind === 'kafka') return openOnKafka(choice, options)
  const { dataFolder, partitions, environment } = options
  const log = await openEmbeddedLog({ ...choice.options, folder: dataFolder, partitions, environment })
  return { kind: 'embedded', log, subjects: null, close: () => log.close() }
}

type KafkaChoice = Extract<LogChoice, { readonly kind: 'kafka' }>

const DEFAULT_PREFIX = 'beamline.'

async function openOnKafka(choice: KafkaChoice, options: OpenLogOptions): Promise<OpenedLog> {
  const { partitions, environment, onProblem, registersSchemas } = options
  const { brokers } = choice.options.kafka
  const kafka = await openKafkaLog({ ...choice.options, environment, partitions, onProblem }).catch(
    (error: unknown) => {
      throw named(error, brokers)
    },
  )
  const outage = Promise.withResolvers<never>()
  outage.promise.catch(() => undefined)
  const onOutage = (message: string): void => {
    onProblem(message)
    outage.reject(new LogError('UNREACHABLE', message, { retriable: true }))
  }
  const common = { environment, topicPrefix: choice.options.prefix ?? DEFAULT_PREFIX, onProblem: onOutage }
  const registry = createSchemaRegistry(
    choice.registry === undefined
      ? { ...common, kind: 'built-in', log: kafka, registerOwn: registersSchemas }
      : { ...common, kind: 'external', ...choice.registry },
  )
  const close = async (): Promise<void> => {
    await registry.close()
    await kafka.close()
  }
  try {
    // the registry would try again by itself; the caller does, and says what it waits for
    await Promise.race([registry.start(), outage.promise])
    const log = withSchemaRegistry(kafka, registry, environment)
    return { kind: 'kafka', log, choice, subjects: registry.subjects, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Failures of sockets say little about what was wanted. */
function named(error: unknown, brokers: readonly string[]): unknown {
  if (!(error instanceof LogError) || error.code !== 'UNREACHABLE') return error
  const message = `Kafka cannot be reached at ${brokers.join(', ')}: ${error.message}`
  return new LogError(error.code, message, { retriable: error.retriable, cause: error })
}
