/** Mistakes that a log on Kafka could have. None of them is in the product; the checker must find each of them when it is put in. */
import { randomUUID } from 'node:crypto'
import { Kafka, logLevel, type Producer } from 'kafkajs'
import {
  type KafkaClient,
  KafkaClientError,
  type KafkaRecord,
  type TransactionalProducer,
} from '../../../connectors/kafka-client/contract.ts'
import type { CommitRequest, CommitResult, Log, TaskLog } from '../../../topology/log/port.ts'

type Transaction = Parameters<TransactionalProducer['commit']>[0]
type Commit = TransactionalProducer['commit']

/** Each owner has an id of its own, so that nobody is fenced. */
export function withoutFencing(client: KafkaClient): KafkaClient {
  return withTransactions(client, (id, timeoutMs) => client.openTransactions(`${id}.${randomUUID()}`, timeoutMs))
}

/**
 * Read positions are committed on their own, before the records. `struck` is asked in between whether to fail there. (After the records it would do no harm: what is
 * read again is known from the state.)
 */
export function withOffsetsApart(client: KafkaClient, struck: () => boolean): KafkaClient {
  return withTransactions(client, async (id, timeoutMs) => {
    const inner = await client.openTransactions(id, timeoutMs)
    const commit: Commit = async ({ records, groupId, offsets }) => {
      await inner.commit({ records: [], groupId, offsets })
      if (struck()) throw unknown('the records were not committed')
      return inner.commit({ records, groupId, offsets: [] })
    }
    return { commit, close: () => inner.close() }
  })
}

/** The control: as it should be, and failing as often, before or after the commit. */
export function withFailures(client: KafkaClient, struck: () => boolean): KafkaClient {
  let before = false
  return withTransactions(client, async (id, timeoutMs) => {
    const inner = await client.openTransactions(id, timeoutMs)
    const commit: Commit = async (transaction) => {
      const fails = struck()
      if (fails) before = !before
      if (fails && before) throw unknown('the commit was not made')
      const written = await inner.commit(transaction)
      if (fails) throw unknown('the commit was not answered')
      return written
    }
    return { commit, close: () => inner.close() }
  })
}

/** Commits wait while there is a gate. */
export function withHeldCommits(client: KafkaClient, gate: () => Promise<void> | null): KafkaClient {
  return withTransactions(client, async (id, timeoutMs) => {
    const inner = await client.openTransactions(id, timeoutMs)
    const commit: Commit = async (transaction) => {
      await gate()
      return inner.commit(transaction)
    }
    return { commit, close: () => inner.close() }
  })
}

/** kafkajs's producer without retries; a transaction that fails is aborted, and the producer used again. */
export function withReusedProducer(client: KafkaClient, brokers: readonly string[]): KafkaClient {
  const kafka = new Kafka({
    brokers: [...brokers],
    clientId: 'planted',
    logLevel: logLevel.NOTHING,
    requestTimeout: 200,
    retry: { retries: 0 },
  })
  const producers = new Map<string, Promise<Producer>>()
  const producerOf = (transactionalId: string): Promise<Producer> => {
    const known = producers.get(transactionalId)
    if (known !== undefined) return known
    const made = (async () => {
      const producer = kafka.producer({
        transactionalId,
        maxInFlightRequests: 1,
        retry: { retries: 0 },
      })
      await producer.connect()
      return producer
    })()
    producers.set(transactionalId, made)
    return made
  }
  const wrapped = withTransactions(client, async (id) => {
    const producer = await producerOf(id)
    return { commit: (transaction) => commitOrAbort(producer, transaction), close: async () => {} }
  })
  return {
    ...wrapped,
    async close() {
      for (const producer of producers.values()) await (await producer).disconnect().catch(() => undefined)
      await wrapped.close()
    },
  }
}

async function commitOrAbort(
  producer: Producer,
  { records, groupId, offsets }: Transaction,
): Promise<readonly number[]> {
  const transaction = await insist(() => producer.transaction())
  try {
    const topics = offsets.map(({ topic, partition, offset }) => ({
      topic,
      partitions: [{ partition, offset: String(offset) }],
    }))
    if (topics.length > 0) await insist(() => transaction.sendOffsets({ consumerGroupId: groupId, topics }))
    const sent = await transaction.sendBatch({
      topicMessages: [...Map.groupBy(records, ({ topic }) => topic)].map(batchOf),
    })
    await transaction.commit()
    return offsetsOf(records, sent)
  } catch (error) {
    await transaction.abort().catch(() => undefined)
    throw unknown((error as Error).message)
  }
}

/** The last transaction may not be finished yet; that is no mistake. */
async function insist<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await attempt()
    } catch (error) {
      if ((error as { type?: string }).type !== 'CONCURRENT_TRANSACTIONS' || tries > 1_000) throw error
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
}

function batchOf([topic, records]: readonly [string, readonly KafkaRecord[]]) {
  return {
    topic,
    messages: records.map(({ partition, key, value, headers }) => ({
      partition,
      key: key === null ? null : Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
      headers: Object.fromEntries(headers.map(([name, bytes]) => [name, Buffer.from(bytes)])),
    })),
  }
}

function offsetsOf(
  records: readonly KafkaRecord[],
  sent: readonly { topicName: string; partition: number; baseOffset?: string }[],
): readonly number[] {
  const next = new Map(
    sent.map(({ topicName, partition, baseOffset }) => [`${topicName}/${partition}`, Number(baseOffset)]),
  )
  return records.map(({ topic, partition }) => {
    const key = `${topic}/${partition}`
    const offset = next.get(key) ?? 0
    next.set(key, offset + 1)
    return offset
  })
}

/** A commit that failed is taken for done: the task goes on with what it has in memory. */
export function withKeptState(log: Log, struck: () => boolean): Log {
  return new Proxy(log, {
    get(target, name) {
      if (name !== 'openTask') return bound(target, name)
      return async (taskId: number) => {
        const inner = await target.openTask(taskId)
        let position = inner.start.changelogPosition
        const commit = async (request: CommitRequest): Promise<CommitResult> => {
          if (struck()) return { offsets: request.appends.map(() => 0), changelogPosition: position }
          const result = await inner.commit(request)
          position = result.changelogPosition
          return result
        }
        return new Proxy(inner, { get: (task, each) => (each === 'commit' ? commit : bound(task, each)) }) as TaskLog
      }
    },
  })
}

/** Every task is this process's, whoever else has it. */
export function withAllTasks(log: Log): Log {
  const joinTasks: Log['joinTasks'] = async (listener) => {
    for (let taskId = 0; taskId < log.partitions; taskId++) listener.onAssigned(taskId)
    return { leave: async () => {} }
  }
  return new Proxy(log, { get: (target, name) => (name === 'joinTasks' ? joinTasks : bound(target, name)) })
}

function bound(target: object, name: string | symbol): unknown {
  const value = Reflect.get(target, name, target) as unknown
  return typeof value === 'function' ? value.bind(target) : value
}

function withTransactions(client: KafkaClient, openTransactions: KafkaClient['openTransactions']): KafkaClient {
  return {
    openTransactions,
    append: (records) => client.append(records),
    joinGroup: (options) => client.joinGroup(options),
    createFetcher: (options) => client.createFetcher(options),
    listOffsets: (partitions, spec) => client.listOffsets(partitions, spec),
    committedOffsets: (group, partitions, as) => client.committedOffsets(group, partitions, as),
    admin: client.admin,
    health: () => client.health(),
    close: () => client.close(),
  }
}

function unknown(message: string): KafkaClientError {
  return new KafkaClientError('OUTCOME_UNKNOWN', message)
}
