import { realEnvironment } from '../../../connectors/environment.ts'
import { connectKafka } from '../../../connectors/kafka-client/client.ts'
import type { KafkaClient } from '../../../connectors/kafka-client/contract.ts'
import { openKafkaLog } from '../../../connectors/log-kafka/kafka-log.ts'
import type { KafkaLogOptions } from '../../../connectors/log-kafka/options.ts'
import type { Log } from '../../../topology/log/port.ts'

export type TestOptions = Partial<KafkaLogOptions> & { readonly prefix: string }

/** Options that make what takes its time go fast; a session is so long that a busy machine ends none by itself, except where one is to end. */
export function testOptions(bootstrap: readonly string[], options: TestOptions): KafkaLogOptions {
  return {
    kafka: { brokers: bootstrap, clientId: 'test' },
    environment: realEnvironment,
    partitions: 2,
    sessionTimeoutMs: 20_000,
    heartbeatMs: 100,
    rebalanceTimeoutMs: 20_000,
    ...options,
  }
}

export function openTestLog(bootstrap: readonly string[], options: TestOptions): Promise<Log> {
  return openKafkaLog(testOptions(bootstrap, options))
}

export function testClient(bootstrap: readonly string[]): Promise<KafkaClient> {
  return connectKafka({ brokers: bootstrap, clientId: 'test-admin' }, realEnvironment)
}

/** Removes the topics of a prefix. */
export async function deleteTopics(client: KafkaClient, prefix: string): Promise<void> {
  const topics = (await client.admin.listTopics()).filter((name) => name.startsWith(prefix))
  if (topics.length > 0) await client.admin.deleteTopics({ topics })
}
