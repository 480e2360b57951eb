/**
 * A set of connections to the brokers of a cluster, at most one to each, and the knowledge of who leads and coordinates what. Each user that must not
 * wait behind another (a long poll, a transaction) has a set of its own: a broker works on one request of a connection at a time.
 */
import type { Environment } from '../../topology/environment.ts'
import { KafkaClientError, type KafkaOptions } from './contract.ts'
import type { Health } from './health.ts'
import { ProtocolError } from './protocol-error.ts'
import { type CoordinatorKind, findCoordinator, metadata, type PartitionMetadata } from './requests/cluster.ts'
import { QUESTION, type RetryOptions, retry } from './retry.ts'
import { type BrokerAddress, type BrokerConnection, ConnectionError, openConnection } from './socket.ts'

/** An open connection to a broker; the same object for as long as it is open, so that requests can be grouped by it. */
export type Broker = BrokerConnection

export interface Connections {
  /** The open connection to the partition's leader. @throws {ConnectionError | ProtocolError} see `withRetry` */
  leader(topic: string, partition: number): Promise<Broker>
  /** Node id of the partition's leader as far as known, without waiting; undefined if not known. */
  knownLeader(topic: string, partition: number): number | undefined
  /** Where a broker is as far as known, without waiting. */
  addressOf(nodeId: number): BrokerAddress | undefined
  /** This set's connection to the broker there. For those who have their knowledge from another set. @throws {ConnectionError} */
  connectTo(address: BrokerAddress): Promise<Broker>
  coordinator(kind: CoordinatorKind, id: string): Promise<Broker>
  /** Some broker that answers. */
  anyBroker(): Promise<Broker>
  partitionCount(topic: string): Promise<number>
  /** Asks anew where the partitions of these topics are (of all used so far, if none are named). */
  refresh(topics?: readonly string[]): Promise<void>
  /** Leaders and coordinators are asked for again before the next use. For errors that `withRetry` does not see. */
  forget(): void
  /**
   * Repeats the attempt after stale metadata, moved coordinators, lost connections and other passing errors, within bounds. Only for what may be carried out
   * twice. `what` begins the messages: "append to orders/3".
   * @throws {KafkaClientError}
   */
  withRetry<T>(what: string, attempt: () => Promise<T>, options?: RetryOptions): Promise<T>
  /** Another set, with connections of its own, that shares what this one knows; questions about the cluster go through this one's connections. */
  sibling(): Connections
  readonly health: Health
  readonly closed: boolean
  close(): void
}

interface Knowledge {
  /** Topics of the last question that do not exist or may not be seen, with the broker's code. */
  readonly refused: Map<string, number>
  readonly topics: Map<string, readonly (PartitionMetadata | undefined)[]>
  readonly addresses: Map<number, BrokerAddress>
  readonly coordinators: Map<string, Promise<number>>
  stale: boolean
}

/** Groups and transactional ids of one process; beyond it they are looked up again. */
const MAX_COORDINATORS = 1_000

export function createConnections(options: KafkaOptions, environment: Environment, health: Health): Connections {
  return new ConnectionSet(options, environment, health, null)
}

class ConnectionSet implements Connections {
  readonly health: Health
  readonly #options: KafkaOptions
  readonly #environment: Environment
  readonly #seeds: readonly BrokerAddress[]
  readonly #open = new Map<string, Promise<Broker>>()
  readonly #parent: ConnectionSet | null
  readonly #known: Knowledge
  readonly #used: Set<string>
  #refreshing: { readonly topics: ReadonlySet<string>; readonly done: Promise<void> } | null = null
  #nextSeed: number
  #closed = false

  constructor(options: KafkaOptions, environment: Environment, health: Health, parent: ConnectionSet | null) {
    this.#parent = parent
    this.#known = parent === null ? nothingKnown() : parent.#known
    this.#used = parent === null ? new Set() : parent.#used
    this.#options = options
    this.#environment = environment
    this.health = health
    this.#seeds = options.brokers.map(parseAddress)
    this.#nextSeed = environment.randomU32() % Math.max(1, this.#seeds.length)
  }

  get closed(): boolean {
    return this.#closed
  }

  sibling(): Connections {
    return new ConnectionSet(this.#options, this.#environment, this.health, this)
  }

  async leader(topic: string, partition: number): Promise<Broker> {
    const found = await this.#partition(topic, partition)
    if (found.leader < 0) {
      this.#known.stale = true
      throw new ProtocolError(found.errorCode === 0 ? 5 : found.errorCode, 'Metadata', `${topic}/${partition}`)
    }
    return this.#node(found.leader)
  }

  knownLeader(topic: string, partition: number): number | undefined {
    if (this.#known.stale) return undefined
    const leader = this.#known.topics.get(topic)?.[partition]?.leader
    return leader === undefined || leader < 0 ? undefined : leader
  }

  addressOf(nodeId: number): BrokerAddress | undefined {
    return this.#known.addresses.get(nodeId)
  }

  connectTo(address: BrokerAddress): Promise<Broker> {
    return this.#connect(address)
  }

  async coordinator(kind: CoordinatorKind, id: string): Promise<Broker> {
    const key = `${kind} ${id}`
    const { coordinators } = this.#known
    let nodeId = coordinators.get(key)
    if (nodeId === undefined) {
      if (coordinators.size >= MAX_COORDINATORS) coordinators.clear()
      nodeId = this.#findCoordinator(kind, id)
      coordinators.set(key, nodeId)
      nodeId.catch(() => coordinators.delete(key))
    }
    return this.#node(await nodeId)
  }

  async anyBroker(): Promise<Broker> {
    const open = [...this.#open.values()]
    for (const each of open) {
      const broker = await each.catch(() => null)
      if (broker !== null && !broker.closed && !broker.expiring) return broker
    }
    let failure: unknown
    for (const address of [...this.#known.addresses.values(), ...this.#seedsInTurn()]) {
      try {
        return await this.#connect(address)
      } catch (error) {
        if (isAuthenticationFailure(error) || this.#closed) throw error
        failure = error
      }
    }
    throw failure ?? new ConnectionError('connect', 'no broker addresses are given')
  }

  async partitionCount(topic: string): Promise<number> {
    await this.#ensureKnown(topic)
    return this.#known.topics.get(topic)!.length
  }

  async refresh(topics: readonly string[] = []): Promise<void> {
    for (const topic of topics) this.#used.add(topic)
    this.#known.stale = true
    await this.#refreshShared()
    for (const topic of topics) this.#assertNotRefused(topic)
  }

  forget(): void {
    this.#known.stale = true
    this.#known.coordinators.clear()
  }

  withRetry<T>(what: string, attempt: () => Promise<T>, options?: RetryOptions): Promise<T> {
    return retry(
      {
        environment: this.#environment,
        health: this.health,
        closed: () => this.#closed,
        onStale: () => this.forget(),
      },
      what,
      attempt,
      options,
    )
  }

  close(): void {
    this.#closed = true
    for (const open of this.#open.values()) open.then((broker) => broker.close('the client is closed')).catch(() => {})
    this.#open.clear()
  }

  async #partition(topic: string, partition: number): Promise<PartitionMetadata> {
    await this.#ensureKnown(topic)
    const found = this.#known.topics.get(topic)![partition]
    if (found === undefined) {
      this.#known.stale = true
      throw new ProtocolError(3, 'Metadata', `${topic}/${partition}`)
    }
    return found
  }

  async #ensureKnown(topic: string): Promise<void> {
    this.#used.add(topic)
    if (this.#known.stale || !this.#known.topics.has(topic)) await this.#refreshShared()
    this.#assertNotRefused(topic)
    if (!this.#known.topics.has(topic)) throw new ProtocolError(3, 'Metadata', `topic ${topic}`)
  }

  /** One request for all that ask at a time; one that asks for a topic that is not in it waits for the next. */
  async #refreshShared(): Promise<void> {
    if (this.#parent !== null) return this.#parent.#refreshShared()
    while (this.#refreshing !== null) {
      const { topics, done } = this.#refreshing
      const covered = [...this.#used].every((topic) => topics.has(topic))
      await done
      if (covered) return
    }
    const topics = new Set(this.#used)
    const done = this.#refreshNow([...topics]).finally(() => {
      this.#refreshing = null
    })
    this.#refreshing = { topics, done }
    await done
  }

  async #refreshNow(topics: readonly string[]): Promise<void> {
    const broker = await this.anyBroker()
    const found = await broker.send(metadata(topics), QUESTION)
    const { addresses, topics: known } = this.#known
    addresses.clear()
    for (const { nodeId, host, port } of found.brokers) addresses.set(nodeId, { host, port })
    known.clear()
    this.#known.stale = false
    this.#known.refused.clear()
    for (const { topic, errorCode, partitions } of found.topics) {
      if (errorCode === 0) known.set(topic, inOrder(partitions))
      else {
        // Only who asked for this one is told; the question is not repeated for the others' sake.
        this.#used.delete(topic)
        this.#known.refused.set(topic, errorCode)
      }
    }
  }

  #assertNotRefused(topic: string): void {
    const errorCode = this.#known.refused.get(topic)
    if (errorCode !== undefined) throw new ProtocolError(errorCode, 'Metadata', `topic ${topic}`)
  }

  async #findCoordinator(kind: CoordinatorKind, id: string): Promise<number> {
    const broker = await (this.#parent ?? this).anyBroker()
    const { nodeId, host, port } = await broker.send(findCoordinator(kind, id), QUESTION)
    this.#known.addresses.set(nodeId, { host, port })
    return nodeId
  }

  async #node(nodeId: number): Promise<Broker> {
    const address = this.#known.addresses.get(nodeId)
    if (address !== undefined) return this.#connect(address)
    this.#known.stale = true
    throw new ProtocolError(8, 'Metadata', `broker ${nodeId}`)
  }

  async #connect(address: BrokerAddress): Promise<Broker> {
    if (this.#closed) throw new KafkaClientError('CLOSED', 'the Kafka client is closed')
    const key = `${address.host}:${address.port}`
    const open = this.#open.get(key)
    if (open !== undefined) {
      const broker = await open
      if (!broker.closed && !broker.expiring) return broker
      if (this.#open.get(key) === open) this.#open.delete(key)
      if (broker.inFlight === 0) broker.close('its session ends')
      return this.#connect(address)
    }
    const opening = this.#openBroker(address)
    this.#open.set(key, opening)
    opening.catch(() => {
      if (this.#open.get(key) === opening) this.#open.delete(key)
    })
    return opening
  }

  async #openBroker(address: BrokerAddress): Promise<Broker> {
    const connection = await openConnection(address, this.#options, this.#environment)
    if (this.#closed) {
      connection.close('the client is closed')
      throw new KafkaClientError('CLOSED', 'the Kafka client is closed')
    }
    return connection
  }

  #seedsInTurn(): readonly BrokerAddress[] {
    const first = this.#nextSeed++
    return this.#seeds.map((_, index) => this.#seeds[(first + index) % this.#seeds.length]!)
  }
}

function nothingKnown(): Knowledge {
  return { refused: new Map(), topics: new Map(), addresses: new Map(), coordinators: new Map(), stale: false }
}

function inOrder(partitions: readonly PartitionMetadata[]): readonly (PartitionMetadata | undefined)[] {
  const ordered: (PartitionMetadata | undefined)[] = []
  for (const each of partitions) ordered[each.partition] = each
  return ordered
}

function isAuthenticationFailure(error: unknown): boolean {
  return error instanceof ConnectionError && error.kind === 'authentication'
}

/** `host:port`, IPv6 in brackets. @throws {KafkaClientError} */
export function parseAddress(text: string): BrokerAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port < 1 || port > 65_535) {
    throw new KafkaClientError('REFUSED', `a broker address is host:port, not ${JSON.stringify(text)}`)
  }
  return { host: (match[1] ?? match[2])!, port }
}
