/** The log on Kafka: the log port on the topics of one deployment. */
import type { Pool, Topic } from '../../schemas/topics.ts'
import type {
  Log,
  LogError,
  LogReader,
  Membership,
  OutRecord,
  PartitionInfo,
  PoolListener,
  Position,
  ReadFrom,
  TaskLog,
  TasksListener,
} from '../../topology/log/port.ts'
import { connectKafka } from '../kafka-client/client.ts'
import type { Fetcher, GroupMember, KafkaClient } from '../kafka-client/contract.ts'
import { Appender } from './appender.ts'
import { partitionsOf } from './client-partitions.ts'
import type { Fetchers, KafkaLogContext, Timings } from './context.ts'
import { createDescriber, type Describer } from './describe.ts'
import { closedError, fencedError, readError } from './errors.ts'
import { KafkaLogReader, startOf } from './log-reader.ts'
import { namesOf } from './names.ts'
import { type OpenedDeployment, openDeployment } from './open-deployment.ts'
import type { KafkaLogOptions } from './options.ts'
import { Pace } from './pace.ts'
import { joinPoolOn, type PoolMembership } from './pool.ts'
import { createReaderFeeds } from './reader-feeds.ts'
import { KafkaTaskLog } from './task-log.ts'
import { openTaskOn } from './task-opening.ts'

const MIB = 1 << 20
const DEFAULT_SESSION_MS = 6_000
/** Members hear of a rebalance by it: it is most of the time that one takes. */
const MAX_HEARTBEAT_MS = 500
const DEFAULT_REBALANCE_MS = 60_000
const DEFAULT_TRANSACTION_MS = 15_000
const DEFAULT_SETTLE_MS = 60_000

/**
 * Connects, and makes sure that the topics are this deployment's and fit for it.
 * @throws {LogError} `UNREACHABLE` (may be tried again), `NOT_AUTHORIZED`, `TOPICS_UNFIT`, `PARTITIONS_DIFFER`, `DEPLOYMENT_DIFFERS`, `FOREIGN_DATA`, `LOG_NEWER`
 */
export async function openKafkaLog(options: KafkaLogOptions): Promise<Log> {
  const { kafka, environment, onProblem = () => undefined, interpose = (made) => made } = options
  const names = namesOf(options.prefix)
  // who submits waits for it; nobody waits for results and replies as long as that
  const appendsApart = new Set([names.topic('ingest')])
  const client = interpose(
    await connectKafka({ onProblem, ...kafka, appendsApart }, environment).catch((error: unknown) => {
      throw readError(error)
    }),
  )
  const pace = new Pace(environment)
  const fetchers = createFetchers(client, () => pace.gatherMs)
  try {
    const opened = await openDeployment(client, fetchers.shared.readers(), names, options)
    return new KafkaLog(client, fetchers, pace, names, options, opened)
  } catch (error) {
    await fetchers.close()
    await client.close().catch(() => undefined)
    throw error
  }
}

interface OwnedFetchers {
  readonly shared: Fetchers
  close(): Promise<void>
}

function createFetchers(client: KafkaClient, gatherMs: () => number): OwnedFetchers {
  const made: Fetcher[] = []
  const lazily = (create: () => Fetcher): (() => Fetcher) => {
    let fetcher: Fetcher | null = null
    return () => {
      if (fetcher === null) {
        fetcher = create()
        made.push(fetcher)
      }
      return fetcher
    }
  }
  return {
    shared: {
      tasks: lazily(() => client.createFetcher({ maxBufferedBytes: 2 * MIB, gatherMs })),
      pools: lazily(() => client.createFetcher({ maxBufferedBytes: 2 * MIB, gatherMs })),
      readers: lazily(() => createReaderFeeds(() => client.createFetcher({ maxBufferedBytes: 4 * MIB }))),
    },
    close: async () => void (await Promise.allSettled(made.map((fetcher) => fetcher.close()))),
  }
}

function timingsOf(options: KafkaLogOptions): Timings {
  const { sessionTimeoutMs = DEFAULT_SESSION_MS } = options
  return {
    sessionTimeoutMs,
    heartbeatMs: options.heartbeatMs ?? Math.min(Math.floor(sessionTimeoutMs / 4), MAX_HEARTBEAT_MS),
    rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? DEFAULT_REBALANCE_MS,
    transactionTimeoutMs: options.transactionTimeoutMs ?? DEFAULT_TRANSACTION_MS,
    settleAfterMs: options.settleAfterMs ?? DEFAULT_SETTLE_MS,
  }
}

class KafkaLog implements Log {
  readonly id: string
  readonly partitions: number
  readonly maxRecordBytes: number
  readonly #context: KafkaLogContext
  readonly #fetchers: OwnedFetchers
  readonly #appender: Appender
  readonly #describer: Describer
  readonly #tasks = new Map<number, KafkaTaskLog>()
  /** By task, how often it was asked for. */
  readonly #openings = new Map<number, number>()
  readonly #closingTasks = new Set<KafkaTaskLog>()
  readonly #readers = new Set<KafkaLogReader>()
  readonly #pools = new Set<PoolMembership>()
  readonly #taskMembers = new Map<GroupMember, Set<number>>()
  /** Known lower bounds of the ends of partitions, for readers that have not looked it up yet. */
  readonly #ends = new Map<string, number>()
  #closed: Promise<void> | null = null

  constructor(
    client: KafkaClient,
    fetchers: OwnedFetchers,
    pace: Pace,
    names: KafkaLogContext['names'],
    options: KafkaLogOptions,
    { deployment, maxRecordBytes, deleteRetentionMs }: OpenedDeployment,
  ) {
    const { environment, onProblem = () => undefined } = options
    this.id = deployment.id
    this.partitions = deployment.partitions
    this.maxRecordBytes = maxRecordBytes
    this.#fetchers = fetchers
    this.#appender = new Appender(client, names, maxRecordBytes)
    this.#describer = createDescriber(client, names, deployment.partitions, environment)
    this.#context = {
      client,
      environment,
      names,
      partitions: deployment.partitions,
      maxRecordBytes,
      fetchers: fetchers.shared,
      timings: timingsOf(options),
      deleteRetentionMs,
      pace,
      onProblem,
      append: (records) => this.#appender.append(records),
      committed: (topic, partition, offset) => this.#describer.committed(topic, partition, offset),
      holdsTask: (taskId) => [...this.#taskMembers.values()].some((held) => held.has(taskId)),
    }
  }

  async openTask(taskId: number): Promise<TaskLog> {
    this.#checkOpen()
    this.#checkPartition('ingest', taskId)
    const call = (this.#openings.get(taskId) ?? 0) + 1
    this.#openings.set(taskId, call)
    const opening = await openTaskOn(this.#context, taskId)
    const refusal = this.#closed !== null ? closedError('the log') : this.#supersededBy(taskId, call)
    if (refusal !== null) {
      await opening.producer.close().catch(() => undefined)
      throw refusal
    }
    const task: KafkaTaskLog = new KafkaTaskLog(this.#context, opening, () => {
      this.#closingTasks.delete(task)
      if (this.#tasks.get(taskId) === task) this.#tasks.delete(taskId)
    })
    const earlier = this.#tasks.get(taskId)
    this.#tasks.set(taskId, task)
    if (earlier !== undefined) {
      this.#closingTasks.add(earlier)
      earlier.end(fencedError(`task ${taskId}`))
    }
    return task
  }

  /** An opening takes as long as brokers are gone: of two under way whoever asked last has the task, whichever is answered first. */
  #supersededBy(taskId: number, call: number): LogError | null {
    return this.#openings.get(taskId) === call ? null : fencedError(`task ${taskId}`)
  }

  async append(records: readonly OutRecord[]): Promise<readonly Position[]> {
    this.#checkOpen()
    for (const { topic, partition } of records) this.#checkPartition(topic, partition)
    const offsets = await this.#appender.append(records)
    return records.map(({ topic, partition }, index) => {
      const offset = offsets[index]!
      this.#ends.set(`${topic}/${partition}`, Math.max(this.#endOf(topic, partition), offset + 1))
      return { topic, partition, offset }
    })
  }

  read(topic: Topic, partition: number, from: ReadFrom): LogReader {
    this.#checkOpen()
    this.#checkPartition(topic, partition)
    const { client, names, fetchers } = this.#context
    const name = names.topic(topic)
    const start = startOf(from, async (spec) => {
      const found = await client.listOffsets([{ topic: name, partition }], spec)
      return found.get(`${name}/${partition}`) ?? 0
    })
    if (from === 'end') this.#appender.holdFor(start)
    const offset = typeof from === 'object' && 'offset' in from ? from.offset : 0
    const reader: KafkaLogReader = new KafkaLogReader({
      topic,
      partition,
      name,
      fetcher: fetchers.readers(),
      start,
      assumedStart: from === 'end' ? this.#endOf(topic, partition) : offset,
      onClose: () => this.#readers.delete(reader),
    })
    this.#readers.add(reader)
    return reader
  }

  async joinPool(pool: Pool, listener: PoolListener): Promise<Membership> {
    this.#checkOpen()
    const membership = await joinPoolOn(this.#context, pool, listener)
    this.#pools.add(membership)
    return {
      leave: () => membership.leave().finally(() => this.#pools.delete(membership)),
    }
  }

  async joinTasks(listener: TasksListener): Promise<Membership> {
    this.#checkOpen()
    const { client, names, timings } = this.#context
    const { sessionTimeoutMs, rebalanceTimeoutMs, heartbeatMs } = timings
    const held = new Set<number>()
    const member = await client
      .joinGroup({
        groupId: names.tasksGroup,
        partitions: partitionsOf(names.topic('ingest'), this.partitions),
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        heartbeatMs,
        // the transactional id fences, so that nobody has to wait for who may be dead
        waitForRelease: false,
        onAssigned: (places) => {
          for (const { partition } of places) held.add(partition)
          for (const { partition } of places) if (this.#closed === null) listener.onAssigned(partition)
        },
        onRevoked: async (places) => {
          for (const { partition } of places) held.delete(partition)
          if (this.#closed !== null) return
          await Promise.all(places.map(({ partition }) => listener.onRevoked(partition)))
        },
      })
      .catch((error: unknown) => {
        throw readError(error)
      })
    this.#taskMembers.set(member, held)
    return {
      settled: () => true,
      leave: () => member.leave().finally(() => this.#taskMembers.delete(member)),
    }
  }

  async describe(): Promise<readonly PartitionInfo[]> {
    this.#checkOpen()
    return this.#describer.describe()
  }

  health(): ReturnType<Log['health']> {
    if (this.#closed !== null) return { writable: false, reason: 'the log is closed' }
    const { reachable, reason } = this.#context.client.health()
    return { writable: reachable, reason }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#appender.settled()
    const tasks = [...this.#tasks.values(), ...this.#closingTasks]
    const members = [...this.#taskMembers.keys()]
    await Promise.allSettled([
      ...tasks.map((task) => task.close()),
      ...[...this.#pools].map((membership) => membership.abandon()),
      ...members.map((member) => member.leave()),
    ])
    for (const reader of this.#readers) reader.close()
    await this.#fetchers.close()
    await this.#context.client.close()
  }

  #endOf(topic: Topic, partition: number): number {
    return this.#ends.get(`${topic}/${partition}`) ?? 0
  }

  #checkOpen(): void {
    if (this.#closed !== null) throw closedError('the log')
  }

  #checkPartition(topic: Topic, partition: number): void {
    if (Number.isInteger(partition) && partition >= 0 && partition < this.partitions) return
    throw new RangeError(`topic '${topic}' has no partition ${partition}; expected 0..${this.partitions - 1}`)
  }
}
