/** The Kafka of a test run: the one that is named, else one in Docker, else one from Maven artifacts, else none. */
import { startKafka } from '../../load/kafka/cluster.ts'
import { missingForKafka, NEWEST_KAFKA } from '../../load/kafka/jars.ts'
import { runCommand } from '../../load/kafka/run-command.ts'
import { freePort } from '../../load/process/free-ports.ts'

/** What tests are told. */
export type KafkaAnswer =
  | { readonly bootstrap: readonly string[]; readonly version: string }
  | { readonly missing: string }
  | { readonly failed: string }

export interface OfferedKafka {
  readonly kafka: KafkaAnswer
  stop(): Promise<void>
}

const NONE_TO_STOP = async (): Promise<void> => {}

export const testKafkaVersion = (): string => process.env['BEAMLINE_TEST_KAFKA_VERSION'] || NEWEST_KAFKA

export async function offerKafka(): Promise<OfferedKafka> {
  const version = testKafkaVersion()
  const named = process.env['BEAMLINE_TEST_KAFKA']
  if (named !== undefined && named !== '') {
    return { kafka: { bootstrap: named.split(',').map((address) => address.trim()), version }, stop: NONE_TO_STOP }
  }
  if (await dockerAnswers()) return inDocker(version)
  const missing = await missingForKafka(version)
  if (missing !== null) {
    console.error(
      `\n*** Tests against Kafka are SKIPPED: no BEAMLINE_TEST_KAFKA, no Docker daemon, and for a local one ${missing} is missing ***\n`,
    )
    return { kafka: { missing }, stop: NONE_TO_STOP }
  }
  const kafka = await startKafka({ version })
  return { kafka: { bootstrap: kafka.bootstrap, version }, stop: () => kafka.stop() }
}

function dockerAnswers(): Promise<boolean> {
  return runCommand('docker', ['info'], { timeoutMs: 30_000 }).then(
    ({ code }) => code === 0,
    () => false,
  )
}

async function inDocker(version: string): Promise<OfferedKafka> {
  const { GenericContainer, Wait } = await import('testcontainers')
  const port = await freePort()
  const container = await new GenericContainer(`apache/kafka:${version}`)
    .withExposedPorts({ container: 9092, host: port })
    .withEnvironment({
      KAFKA_NODE_ID: '1',
      KAFKA_PROCESS_ROLES: 'broker,controller',
      KAFKA_LISTENERS: 'PLAINTEXT://:9092,CONTROLLER://:9093',
      KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://127.0.0.1:${port}`,
      KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
      KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
      KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
      KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
      KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS: '1000',
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
      KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS: '4',
      KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
      KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
      KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS: '4',
      KAFKA_LOG_RETENTION_CHECK_INTERVAL_MS: '1000',
      KAFKA_LOG_INITIAL_TASK_DELAY_MS: '1000',
    })
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
    .start()
  const stop = async (): Promise<void> => {
    await container.stop()
  }
  return { kafka: { bootstrap: [`127.0.0.1:${port}`], version }, stop }
}
