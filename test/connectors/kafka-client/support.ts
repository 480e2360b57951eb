import { realEnvironment } from '../../../connectors/environment.ts'
import { connectKafka } from '../../../connectors/kafka-client/client.ts'
import type {
  KafkaClient,
  KafkaClientError,
  KafkaOptions,
  KafkaRecord,
} from '../../../connectors/kafka-client/contract.ts'

export function connect(brokers: readonly string[], options: Partial<KafkaOptions> = {}): Promise<KafkaClient> {
  return connectKafka({ brokers, clientId: 'test', ...options }, realEnvironment)
}

export async function createTopic(
  client: KafkaClient,
  topic: string,
  numPartitions: number,
  settings: Readonly<Record<string, string>> = {},
): Promise<void> {
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }))
  await client.admin.createTopics({ topics: [{ topic, numPartitions, configEntries }], waitForLeaders: false })
  await untilKnown(client, topic, numPartitions)
}

/** Resolves once a topic that was created is known to the brokers, which on a busy machine may take longer than the client bears with. */
export async function untilKnown(client: KafkaClient, topic: string, numPartitions: number): Promise<void> {
  const partitions = Array.from({ length: numPartitions }, (_, partition) => ({ topic, partition }))
  const isKnown = (): Promise<boolean> =>
    client.listOffsets(partitions, 'end').then(
      () => true,
      (error: KafkaClientError) => {
        if (error.code === 'UNKNOWN_TOPIC') return false
        throw error
      },
    )
  for (let tries = 1; !(await isKnown()); tries++) if (tries === 30) throw new Error(`topic ${topic} is not known`)
}

export function record(topic: string, partition: number, value: string | Uint8Array): KafkaRecord {
  return { topic, partition, key: Buffer.from('key'), value: Buffer.from(value), headers: [['name', Buffer.from('x')]] }
}

/** All committed values of a partition, in order; waits for the ends of open transactions, which are written a moment after a commit is answered. */
export async function committedValues(client: KafkaClient, topic: string, partition: number): Promise<string[]> {
  const end = (await client.listOffsets([{ topic, partition }], 'end')).get(`${topic}/${partition}`)!
  const fetcher = client.createFetcher({ maxWaitMs: 50 })
  const values: string[] = []
  try {
    await new Promise<void>((resolve, reject) => {
      const feed = fetcher.add({ topic, partition }, 0)
      const read = () => {
        try {
          for (let some = feed.poll(1_000); some.length > 0; some = feed.poll(1_000)) {
            values.push(...some.map(({ value }) => String(value)))
          }
          if (feed.position >= end) resolve()
        } catch (error) {
          reject(error)
        }
      }
      feed.onRecords(read)
      read()
    })
  } finally {
    await fetcher.close()
  }
  return values
}

/** Same numbers for the same seed (mulberry32). */
export function numbersFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
