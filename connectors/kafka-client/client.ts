import { Kafka, logLevel, type SASLOptions } from 'kafkajs'
import type { Cancel, Environment } from '../../topology/environment.ts'
import { type Appender, createAppender } from './append.ts'
import { type Connections, createConnections } from './connection.ts'
import {
  type CommittedAs,
  type Fetcher,
  type FetcherOptions,
  type GroupMember,
  type GroupOptions,
  type KafkaClient,
  KafkaClientError,
  type KafkaOptions,
  type KafkaRecord,
  type OffsetSpec,
  type TopicPartition,
  type TransactionalProducer,
} from './contract.ts'
import { createFetcher } from './fetcher.ts'
import { joinGroup } from './group.ts'
import { createHealth, type Health } from './health.ts'
import { findCommitted, findOffsets } from './offsets.ts'
import { patchKafkajs } from './patches.ts'
import { metadata } from './requests/cluster.ts'
import { asClientError, QUESTION, settleWithin } from './retry.ts'
import { openTransactions } from './transactions.ts'

/** Failing for so long, a broker restart is something else than a blink. */
const TOLERATED_MS = 3_000
const PROBE_EVERY_MS = 5_000
const PROBE_FAILING_EVERY_MS = 1_000
const LEAVE_WITHIN_MS = 2_000

/**
 * Resolves once a broker has answered or none could be reached: in the second case it goes on trying, tells `onProblem`, and `health` says so meanwhile.
 * @throws {KafkaClientError} `AUTHENTICATION_FAILED`, `REFUSED` (a wrong address, a broker that is too old)
 */
export async function connectKafka(options: KafkaOptions, environment: Environment): Promise<KafkaClient> {
  patchKafkajs()
  const client = new Client(options, environment)
  try {
    await client.start()
    return client
  } catch (error) {
    await client.close()
    throw error
  }
}

class Client implements KafkaClient {
  readonly admin
  readonly #options: KafkaOptions
  readonly #environment: Environment
  readonly #health: Health
  /** For short questions: offsets, and whether anybody answers. */
  readonly #control: Connections
  readonly #appender: Appender
  /** For what must not wait for other appends. */
  readonly #apart: Appender | null
  readonly #open = new Set<Connections>()
  readonly #fetchers = new Set<Fetcher>()
  #cancelProbe: Cancel = () => {}
  #closed = false

  constructor(options: KafkaOptions, environment: Environment) {
    this.#options = options
    this.#environment = environment
    this.#health = createHealth(environment, options.onProblem, TOLERATED_MS)
    this.#control = this.#connections()
    this.#appender = this.#createAppender()
    this.#apart = options.appendsApart === undefined ? null : this.#createAppender()
    this.admin = adminFor(options)
  }

  /** The first answer, and from then on a question now and then. */
  async start(): Promise<void> {
    await this.#probe((error) => {
      const { code } = error
      if (code === 'AUTHENTICATION_FAILED' || code === 'REFUSED') throw error
    })
  }

  append(records: readonly KafkaRecord[]): Promise<readonly number[]> {
    const { appendsApart } = this.#options
    if (this.#apart === null || appendsApart === undefined) return this.#appender.append(records)
    const first = records.length > 0 && appendsApart.has(records[0]!.topic)
    if (records.every(({ topic }) => appendsApart.has(topic) === first)) {
      return (first ? this.#apart : this.#appender).append(records)
    }
    return appendInParts(records, ({ topic }) => appendsApart.has(topic), this.#apart, this.#appender)
  }

  openTransactions(transactionalId: string, timeoutMs: number): Promise<TransactionalProducer> {
    return openTransactions(transactionalId, timeoutMs, this.#connections(), this.#environment)
  }

  createFetcher(options?: FetcherOptions): Fetcher {
    const fetcher = createFetcher(() => this.#connections(), this.#environment, options)
    this.#fetchers.add(fetcher)
    const close = () => {
      this.#fetchers.delete(fetcher)
      return fetcher.close()
    }
    return { add: (partition, offset) => fetcher.add(partition, offset), close }
  }

  joinGroup(options: GroupOptions): Promise<GroupMember> {
    return joinGroup(() => this.#connections(), this.#environment, options)
  }

  listOffsets(partitions: readonly TopicPartition[], spec: OffsetSpec) {
    return findOffsets(this.#control, partitions, spec)
  }

  committedOffsets(groupId: string, partitions: readonly TopicPartition[], as: CommittedAs = 'settled') {
    return findCommitted(this.#control, groupId, partitions, as)
  }

  health() {
    return this.#health.state()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#cancelProbe()
    this.#appender.close()
    this.#apart?.close()
    for (const fetcher of this.#fetchers) fetcher.close().catch(() => {})
    // Producers and members that were not closed fail with `CLOSED`.
    for (const connections of this.#open) connections.close()
    this.#open.clear()
    await settleWithin(this.#environment, LEAVE_WITHIN_MS, this.admin.disconnect())
  }

  #createAppender(): Appender {
    return createAppender(this.#options, this.#connections(), this.#environment)
  }

  #connections(): Connections {
    if (this.#closed) throw new KafkaClientError('CLOSED', 'the Kafka client is closed')
    for (const connections of this.#open) if (connections.closed) this.#open.delete(connections)
    const connections = createConnections(this.#options, this.#environment, this.#health)
    this.#open.add(connections)
    return connections
  }

  async #probe(onFailure: (error: KafkaClientError) => void): Promise<void> {
    let failing = false
    try {
      const broker = await this.#control.anyBroker()
      await broker.send(metadata([]), QUESTION)
      this.#health.succeeded('cluster')
    } catch (error) {
      if (this.#closed) return
      failing = true
      const named = asClientError(error, 'Kafka')
      this.#health.failed('cluster', named.message)
      onFailure(named)
    }
    if (this.#closed) return
    this.#cancelProbe = this.#environment.after(failing ? PROBE_FAILING_EVERY_MS : PROBE_EVERY_MS, () => {
      this.#probe(() => {})
    })
  }
}

/** Offsets in the order of the records. Waits for both parts even if one fails, so that nothing is under way any more when the caller hears of it. */
async function appendInParts(
  records: readonly KafkaRecord[],
  isFirst: (record: KafkaRecord) => boolean,
  first: Appender,
  second: Appender,
): Promise<readonly number[]> {
  const [ofFirst, ofSecond] = await Promise.allSettled([
    first.append(records.filter(isFirst)),
    second.append(records.filter((record) => !isFirst(record))),
  ])
  if (ofFirst.status === 'rejected') throw ofFirst.reason
  if (ofSecond.status === 'rejected') throw ofSecond.reason
  const [left, right] = [[...ofFirst.value], [...ofSecond.value]]
  return records.map((record) => (isFirst(record) ? left : right).shift()!)
}

/** It connects when it is first asked something, and again when its connection was lost. */
function adminFor({ brokers, clientId, tls, sasl, connectionTimeoutMs, requestTimeoutMs }: KafkaOptions) {
  const kafka = new Kafka({
    brokers: [...brokers],
    clientId,
    logLevel: logLevel.NOTHING,
    ...(tls === undefined ? {} : { ssl: tls }),
    ...(sasl === undefined ? {} : { sasl: { ...sasl } as SASLOptions }),
    connectionTimeout: connectionTimeoutMs ?? 3_000,
    requestTimeout: requestTimeoutMs ?? 15_000,
    retry: { initialRetryTime: 50, maxRetryTime: 1_000, retries: 8 },
  })
  return kafka.admin()
}
