/** A connection to Kafka of a projection's own, within its thread, so that events never pass through the thread that decides. */
import { realEnvironment as environment } from '../environment.ts'
import { type LogChoice, type OpenedLog, openLog } from '../open-log.ts'

export interface KafkaSource {
  readonly kind: 'kafka'
  /** Plain data, since it goes to the thread. */
  readonly log: Extract<LogChoice, { readonly kind: 'kafka' }>
}

/** @throws {LogError} while no broker answers */
export function openKafkaSource(
  { log: choice }: KafkaSource,
  partitions: number,
  onProblem: (message: string) => void,
): Promise<OpenedLog> {
  return openLog(ownPart(choice), { dataFolder: '', partitions, environment, registersSchemas: false, onProblem })
}

/** Tells it from the process's other connections; topics are the main thread's business. */
function ownPart({ options, ...rest }: KafkaSource['log']): KafkaSource['log'] {
  const kafka = { ...options.kafka, clientId: `${options.kafka.clientId}-read-model` }
  return { ...rest, options: { ...options, kafka, createTopics: false } }
}
