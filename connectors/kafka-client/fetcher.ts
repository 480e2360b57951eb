/**
 * Reads many partitions. For each broker up to two requests are under way, on connections of their own: a long poll over all partitions that have room, and,
 * while that one waits, short ones for those that were added or have got room meanwhile; they join the next long poll. So nobody waits behind the long poll.
 */
import type { Cancel, Environment } from '../../topology/environment.ts'
import type { Connections } from './connection.ts'
import { type Feed, type Fetcher, type FetcherOptions, KafkaClientError, type TopicPartition } from './contract.ts'
import { FetchFeed } from './fetcher-feed.ts'
import { ProtocolError } from './protocol-error.ts'
import { type FetchedPartition, fetchRecords } from './requests/fetch.ts'
import { asClientError, isPassing, mayHaveMoved } from './retry.ts'

const MAX_BUFFERED_BYTES = 4 * 1024 * 1024
const MAX_RESPONSE_BYTES = 8 * 1024 * 1024
const MAX_PARTITION_BYTES = 1024 * 1024
const LONG_POLL_MS = 500
const SHORT_POLL_MS = 10
/** Beyond the poll's own wait. A broker answers a fetch in milliseconds; a stopped one must not hold its partitions for longer than this. */
const ANSWER_WITHIN_MS = 5_000
const FIRST_BACKOFF_MS = 5
const MAX_BACKOFF_MS = 200
/** A topic may be unknown right after its creation; about so many tries later the feed fails. */
const UNKNOWN_TOPIC_TRIES = 25

interface Lane {
  readonly connections: Connections
  /** By leader: until when the request under way may wait at the broker. */
  readonly waitsUntilMs: Map<number, number>
}

/** `open` is called once, for connections that are closed with the fetcher. */
export function createFetcher(
  open: () => Connections,
  environment: Environment,
  options: FetcherOptions = {},
): Fetcher {
  return new PartitionFetcher(open, environment, options)
}

class PartitionFetcher implements Fetcher {
  readonly #environment: Environment
  readonly #maxBufferedBytes: number
  readonly #longPollMs: number
  readonly #long: Lane
  readonly #short: Lane
  /** Those that got records last come last. */
  readonly #feeds = new Set<FetchFeed>()
  /** What is known of leaders: from the connections that nobody waits on for long. */
  readonly #knowledge: Connections
  readonly #gatherMs: () => number
  #gathersUntil = Number.NEGATIVE_INFINITY
  #locating = false
  #wake: Cancel | null = null
  #closed = false

  constructor(open: () => Connections, environment: Environment, options: FetcherOptions) {
    this.#environment = environment
    this.#maxBufferedBytes = options.maxBufferedBytes ?? MAX_BUFFERED_BYTES
    this.#longPollMs = options.maxWaitMs ?? LONG_POLL_MS
    this.#gatherMs = options.gatherMs ?? (() => 0)
    const connections = open()
    this.#short = { connections, waitsUntilMs: new Map() }
    // who leads what is asked for on the short lane, where the answer does not wait behind a long poll
    this.#long = { connections: connections.sibling(), waitsUntilMs: new Map() }
    this.#knowledge = this.#short.connections
  }

  add({ topic, partition }: TopicPartition, offset: number): Feed {
    if (this.#closed) throw new KafkaClientError('CLOSED', `${topic}/${partition}: the fetcher is closed`)
    const feed = new FetchFeed({ topic, partition, offset }, this.#maxBufferedBytes, {
      room: () => this.#fetchWhatIsDue(),
      close: (closed) => this.#feeds.delete(closed),
    })
    this.#feeds.add(feed)
    // several that are added at once go into one request
    queueMicrotask(() => this.#fetchWhatIsDue())
    return feed
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#wake?.()
    this.#wake = null
    for (const feed of this.#feeds) feed.close()
    this.#long.connections.close()
    this.#short.connections.close()
  }

  #fetchWhatIsDue(): void {
    if (this.#closed) return
    const now = this.#environment.monotonic()
    if (this.#gathersUntil > now) {
      this.#wakeAt(this.#gathersUntil, now)
      return
    }
    const byLeader = new Map<number, FetchFeed[]>()
    let unknown: FetchFeed[] | null = null
    let nextMs = Number.POSITIVE_INFINITY
    for (const feed of this.#feeds) {
      if (feed.inFlight || feed.failure !== null || feed.room === 0) continue
      if (feed.notBeforeMs > now) {
        nextMs = Math.min(nextMs, feed.notBeforeMs)
        continue
      }
      const leader = this.#knowledge.knownLeader(feed.topic, feed.partition)
      if (leader === undefined) unknown = [...(unknown ?? []), feed]
      else byLeader.set(leader, [...(byLeader.get(leader) ?? []), feed])
    }
    for (const [leader, feeds] of byLeader) this.#fetchFrom(leader, feeds, now)
    if (unknown !== null) void this.#locate(unknown)
    this.#wakeAt(nextMs, now)
  }

  #fetchFrom(leader: number, feeds: readonly FetchFeed[], now: number): void {
    const longUntilMs = this.#long.waitsUntilMs.get(leader)
    if (longUntilMs === undefined) {
      // those in a short poll are back in a moment, and are to share the next long one
      const alone = !this.#short.waitsUntilMs.has(leader)
      void this.#request(
        this.#long,
        leader,
        feeds,
        alone ? this.#longPollMs : Math.min(SHORT_POLL_MS, this.#longPollMs),
      )
    } else if (!this.#short.waitsUntilMs.has(leader) && longUntilMs > now + SHORT_POLL_MS) {
      void this.#request(this.#short, leader, feeds, SHORT_POLL_MS)
    }
  }

  async #request(lane: Lane, leader: number, candidates: readonly FetchFeed[], maxWaitMs: number): Promise<void> {
    const asked = new Map<string, FetchFeed>()
    for (const feed of candidates) {
      const key = `${feed.topic}/${feed.partition}`
      if (!asked.has(key)) asked.set(key, feed)
    }
    for (const feed of asked.values()) feed.inFlight = true
    lane.waitsUntilMs.set(leader, this.#environment.monotonic() + maxWaitMs)
    // others of the same partition have to take turns with it
    const isShared = asked.size < candidates.length
    if (isShared) queueMicrotask(() => this.#fetchWhatIsDue())
    let told: readonly FetchFeed[] = []
    try {
      const fetched = await this.#ask(lane, leader, [...asked.values()], maxWaitMs)
      told = fetched.flatMap((one) => {
        const feed = asked.get(`${one.topic}/${one.partition}`)
        return feed !== undefined && !feed.closed && this.#take(feed, one) ? [feed] : []
      })
      this.#knowledge.health.succeeded('Fetch')
    } catch (error) {
      told = this.#failed([...asked.values()], error)
    } finally {
      for (const feed of asked.values()) {
        feed.inFlight = false
        if (isShared && this.#feeds.delete(feed)) this.#feeds.add(feed)
      }
      lane.waitsUntilMs.delete(leader)
    }
    if (told.length > 0) this.#gathersUntil = this.#environment.monotonic() + this.#gatherMs()
    // the next request first: the broker works on it while the records of this one are handled
    this.#fetchWhatIsDue()
    for (const feed of told) feed.tell()
  }

  async #ask(
    lane: Lane,
    leader: number,
    feeds: readonly FetchFeed[],
    maxWaitMs: number,
  ): Promise<readonly FetchedPartition[]> {
    const address = this.#knowledge.addressOf(leader)
    if (address === undefined) throw new ProtocolError(8, 'Metadata', `broker ${leader}`)
    const broker = await lane.connections.connectTo(address)
    const partitions = feeds.map((feed) => ({
      topic: feed.topic,
      partition: feed.partition,
      offset: feed.fetchOffset,
      maxBytes: Math.min(MAX_PARTITION_BYTES, Math.max(1, feed.room)),
    }))
    const request = fetchRecords({ maxWaitMs, maxBytes: MAX_RESPONSE_BYTES, partitions })
    return broker.send(request, { timeoutMs: maxWaitMs + ANSWER_WITHIN_MS })
  }

  /** Answers true if the feed's listener is to be told. */
  #take(feed: FetchFeed, fetched: FetchedPartition): boolean {
    if (fetched.errorCode === 0) {
      feed.troubles = 0
      if (!feed.take(fetched)) return false
      this.#feeds.delete(feed)
      this.#feeds.add(feed)
      return true
    }
    const error = new ProtocolError(
      fetched.errorCode,
      'Fetch',
      `${feed.topic}/${feed.partition}`,
      `at offset ${feed.fetchOffset}`,
    )
    return this.#failed([feed], error).length > 0
  }

  /** What passes is tried again, later and later; the rest ends the feeds. Answers those that have ended. */
  #failed(feeds: readonly FetchFeed[], error: unknown): readonly FetchFeed[] {
    if (this.#closed) return []
    const unknownTopic = error instanceof ProtocolError && error.reaction === 'topic'
    if (mayHaveMoved(error)) this.#knowledge.forget()
    const now = this.#environment.monotonic()
    if (isPassing(error)) this.#knowledge.health.failed('Fetch', (error as Error).message)
    return feeds.filter((feed) => {
      feed.troubles++
      if (!isPassing(error) || (unknownTopic && feed.troubles > UNKNOWN_TOPIC_TRIES)) {
        return feed.fail(asClientError(error, `read ${feed.topic}/${feed.partition}`))
      }
      feed.notBeforeMs = now + Math.min(FIRST_BACKOFF_MS * 2 ** Math.min(feed.troubles - 1, 10), MAX_BACKOFF_MS)
      return false
    })
  }

  /** Asks where the leaders are; one question at a time. */
  async #locate(feeds: readonly FetchFeed[]): Promise<void> {
    if (this.#locating) return
    this.#locating = true
    const knowledge = this.#knowledge
    let told: readonly FetchFeed[] = []
    try {
      await knowledge.refresh([...new Set(feeds.map(({ topic }) => topic))])
      const missing = feeds.filter(({ topic, partition }) => knowledge.knownLeader(topic, partition) === undefined)
      // known topics without a leader at present
      for (const feed of missing) {
        const error = new ProtocolError(5, 'Metadata', `${feed.topic}/${feed.partition}`)
        told = [...told, ...this.#failed([feed], error)]
      }
    } catch (error) {
      told = this.#failed(feeds.filter(isMeant(error)), error)
    } finally {
      this.#locating = false
    }
    this.#fetchWhatIsDue()
    for (const feed of told) feed.tell()
  }

  #wakeAt(dueMs: number, now: number): void {
    this.#wake?.()
    this.#wake = null
    if (dueMs === Number.POSITIVE_INFINITY) return
    this.#wake = this.#environment.after(Math.max(1, dueMs - now), () => {
      this.#wake = null
      this.#fetchWhatIsDue()
    })
  }
}

/** A refusal of one topic is not one of the others that were asked for with it. */
function isMeant(error: unknown): (feed: FetchFeed) => boolean {
  return ({ topic }) => !(error instanceof ProtocolError) || error.subject === `topic ${topic}`
}
