/** What `kafka.produce` writes with: a client of its own, connected by the first message, so that a process whose steps send none has none. */
import { randomInt } from 'node:crypto'
import { murmur2 } from '../../schemas/murmur2.ts'
import type { Environment } from '../../topology/environment.ts'
import { type KafkaClient, KafkaClientError, type KafkaOptions } from '../kafka-client/contract.ts'

export interface StepKafkaOptions {
  readonly kafka: KafkaOptions
  readonly environment: Environment
  /** Topics whose names begin so are the engine's own. */
  readonly reservedPrefix: string
}

export interface StepMessage {
  readonly topic: string
  readonly key: string | null
  readonly value: Uint8Array | null
  readonly headers: { readonly [name: string]: string }
  /** `null`: by the key, as Kafka's own clients choose; any one without a key. */
  readonly partition: number | null
}

/** The port of `kafka.produce`. */
export interface StepKafka {
  /** Resolves once the message is stored. @throws {TopicRefused} @throws {KafkaClientError} when it may not have been stored */
  produce(
    tenant: string,
    message: StepMessage,
  ): Promise<{ readonly topic: string; readonly partition: number; readonly offset: string }>
  close(): Promise<void>
}

/** Steps may not write there; no repetition mends it. */
export class TopicRefused extends Error {
  readonly code = 'TOPIC_REFUSED'
}

/** How long a number of partitions is believed: topics may get more. */
const PARTITIONS_MAX_AGE_MS = 60_000
const MAX_TOPICS = 1_000

async function connect(kafka: KafkaOptions, environment: Environment): Promise<KafkaClient> {
  const { connectKafka } = await import('../kafka-client/client.ts')
  return connectKafka(kafka, environment)
}

export function createStepKafka({ kafka, environment, reservedPrefix }: StepKafkaOptions): StepKafka {
  let connected: Promise<KafkaClient> | null = null
  const counts = new Map<string, { readonly askedAt: number; readonly partitions: number }>()

  const client = (): Promise<KafkaClient> => {
    connected ??= connect(kafka, environment).catch((error: unknown) => {
      connected = null
      throw error
    })
    return connected
  }

  const partitionsOf = async (topic: string): Promise<number> => {
    const known = counts.get(topic)
    if (known !== undefined && environment.monotonic() - known.askedAt < PARTITIONS_MAX_AGE_MS) return known.partitions
    const { admin } = await client()
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    const partitions = topics[0]?.partitions.length ?? 0
    if (counts.size >= MAX_TOPICS) counts.clear()
    counts.set(topic, { askedAt: environment.monotonic(), partitions })
    return partitions
  }

  const place = async ({ topic, key, partition }: StepMessage): Promise<number> => {
    const partitions = await partitionsOf(topic)
    if (partition === null) return key === null ? randomInt(partitions) : (murmur2(key) & 0x7fffffff) % partitions
    if (partition < partitions) return partition
    throw new TopicRefused(`topic '${topic}' has ${partitions} partitions; there is no ${partition}`)
  }

  return {
    async produce(_tenant, message) {
      const { topic, key, value, headers } = message
      if (topic.startsWith(reservedPrefix) || topic.startsWith('__')) {
        throw new TopicRefused(`topic '${topic}' is the engine's own or Kafka's; steps may not write to it`)
      }
      try {
        const partition = await place(message)
        const record = {
          topic,
          partition,
          key: key === null ? null : Buffer.from(key),
          value,
          headers: Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)] as const),
        }
        const [offset] = await (await client()).append([record])
        return { topic, partition, offset: String(offset) }
      } catch (error) {
        throw refusal(topic, error)
      }
    },
    async close() {
      const open = connected
      connected = null
      await (await open?.catch(() => null))?.close()
    },
  }
}

/** A topic that is not there or not allowed is refused for good. */
function refusal(topic: string, error: unknown): unknown {
  const code = error instanceof KafkaClientError ? error.code : (error as { type?: unknown }).type
  const final = ['UNKNOWN_TOPIC', 'UNKNOWN_TOPIC_OR_PARTITION', 'NOT_AUTHORIZED', 'TOPIC_AUTHORIZATION_FAILED']
  if (error instanceof TopicRefused || !final.includes(String(code))) return error
  return new TopicRefused(`topic '${topic}': ${(error as Error).message}`, { cause: error })
}
