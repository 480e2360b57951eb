/** The log on Kafka behind a schema registry. */
import { LogError } from '../topology/log/port.ts'
import { withSchemaRegistry } from '../topology/schema-registry/translating-log.ts'
import { openKafkaLog } from './log-kafka/kafka-log.ts'
import type { LogChoice, OpenedLog, OpenLogOptions } from './open-log.ts'
import { createSchemaRegistry } from './schema-registry/create.ts'

type KafkaChoice = Extract<LogChoice, { readonly kind: 'kafka' }>

const DEFAULT_PREFIX = 'beamline.'

/** @throws {LogError} {SchemaRegistryError} as `openLog` */
export async function openLogOnKafka(choice: KafkaChoice, options: OpenLogOptions): Promise<OpenedLog> {
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
