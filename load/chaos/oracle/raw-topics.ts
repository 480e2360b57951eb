/** The topics of a deployment as Kafka's own Java consumer reads them (`RawTopics.java`), for the checker. */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { namesOf } from '../../../connectors/log-kafka/names.ts'
import { fromKafka } from '../../../connectors/log-kafka/record-mapping.ts'
import { executeTopic, isTopic, POOLS, TASK_TOPICS, TOPICS, type Topic } from '../../../schemas/topics.ts'
import type { LogRecord, PartitionInfo } from '../../../topology/log/port.ts'
import type { KafkaCluster } from '../../kafka/cluster.ts'

const PROGRAM = fileURLToPath(new URL('./RawTopics.java', import.meta.url))
const DUMP_WITHIN_MS = 600_000
/** The broker ends a transaction of a dead owner after 15 s. */
const OPEN_TRANSACTIONS_S = 40

export interface RawTopics {
  readonly positions: readonly PartitionInfo[]
  /** Partitions in which a transaction was left open, in words. */
  readonly stuck: readonly string[]
  /** All records, in order within a partition, `control` first. */
  records(): AsyncIterable<LogRecord>
}

/** Reads everything into `file`. All processes of the deployment should have ended. @throws if the consumer fails */
export async function readRawTopics(
  kafka: KafkaCluster,
  prefix: string,
  partitions: number,
  file: string,
): Promise<RawTopics> {
  const names = namesOf(prefix)
  const ordered: Topic[] = ['control', ...TOPICS.filter((topic) => topic !== 'control')]
  const groups = new Map<Topic, string>([
    ...TASK_TOPICS.map((topic) => [topic, names.tasksGroup] as const),
    ...POOLS.map((pool) => [executeTopic(pool), names.poolGroup(pool)] as const),
  ])
  const specs = ordered.map((topic) => {
    const group = groups.get(topic)
    return group === undefined ? names.topic(topic) : `${names.topic(topic)}=${group}`
  })
  const args = [kafka.internal.join(','), file, String(partitions), String(OPEN_TRANSACTIONS_S), ...specs]
  const { code, stdout, stderr } = await kafka.tool(PROGRAM, args, { timeoutMs: DUMP_WITHIN_MS })
  if (code !== 0) throw new Error(`the raw topics could not be read (exit code ${code}):\n${stdout}${stderr}`)
  const positions: PartitionInfo[] = []
  const stuck: string[] = []
  for await (const [kind, ...fields] of linesOf(file)) {
    if (kind === 'R') break
    if (kind === 'P') positions.push(positionOf(prefix, fields, groups))
    else stuck.push(`${fields[0]} ${fields[1]}: a transaction is open at ${fields[2]}, the end is ${fields[3]}`)
  }
  return { positions, stuck, records: () => recordsOf(file, prefix) }
}

async function* linesOf(file: string): AsyncGenerator<readonly string[]> {
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    yield line.split('\t')
  }
}

async function* recordsOf(file: string, prefix: string): AsyncGenerator<LogRecord> {
  for await (const fields of linesOf(file)) {
    if (fields[0] !== 'R') continue
    const [, name, partition, offset, timestamp, key, value, headers] = fields as readonly string[] & { length: 8 }
    const topic = topicOf(prefix, name!)
    yield fromKafka(topic, {
      topic: name!,
      partition: Number(partition),
      offset: Number(offset),
      timestampMs: Number(timestamp),
      key: bytesOf(key!),
      value: bytesOf(value!),
      headers: headersOf(headers!),
    })
  }
}

function positionOf(prefix: string, fields: readonly string[], groups: ReadonlyMap<Topic, string>): PartitionInfo {
  const [name, partition, first, end, committed] = fields
  const topic = topicOf(prefix, name!)
  const firstOffset = Number(first)
  const committedOffset = groups.has(topic) ? (committed === '-' ? firstOffset : Number(committed)) : null
  return { topic, partition: Number(partition), firstOffset, nextOffset: Number(end), committedOffset }
}

function topicOf(prefix: string, name: string): Topic {
  const topic = name.slice(prefix.length)
  if (!name.startsWith(prefix) || !isTopic(topic))
    throw new Error(`'${name}' is no topic of the deployment '${prefix}'`)
  return topic
}

function bytesOf(text: string): Buffer | null {
  if (text === '-') return null
  return text === '=' ? Buffer.alloc(0) : Buffer.from(text, 'base64')
}

function headersOf(text: string): (readonly [string, Uint8Array])[] {
  if (text === '-') return []
  return text.split(',').map((pair) => {
    const [name, value] = pair.split(':') as [string, string]
    return [bytesOf(name)?.toString() ?? '', bytesOf(value) ?? Buffer.alloc(0)] as const
  })
}
