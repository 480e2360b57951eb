/**
 * Events as they happen, to many clients. One tail reads the log while there are clients; a client joins it once it has had everything before.
 * No client is waited for: one that does not keep up is told to look at the state anew, and let go.
 */
import type { Cancel, Environment } from '../../topology/environment.ts'
import type { Log } from '../../topology/log/port.ts'
import type { ReadModel } from '../../topology/read-model/port.ts'
import { RequestError } from '../errors.ts'
import type { Logger } from '../ports.ts'
import { catchUp } from './catch-up.ts'
import type { EventFilter } from './event-filter.ts'
import { EventTail, type TailBatch } from './event-tail.ts'
import { encoded } from './event-text.ts'
import { FlowNames } from './flow-names.ts'
import { Interests } from './interests.ts'
import type { LiveEvent } from './live-event.ts'
import type { Outlet } from './outlet.ts'
import { type EventLog, type Start, startingPoint } from './starting-point.ts'
import { logMark, positionId } from './stream-position.ts'
import { type SnapshotReason, Subscriber } from './subscriber.ts'

export interface LiveOptions {
  /** Clients at once; more are refused with 503. Default 2,000. */
  readonly maxClients?: number
  /** Default 15 s. */
  readonly heartbeatMs?: number
  /** What may wait for one client to take it, in bytes. Events that wait for several are in memory once. Default 1 MiB. */
  readonly maxWaitingBytes?: number
  /** How far behind a client may begin, counted in events of all partitions and tenants. Default 100,000. */
  readonly maxReplayEvents?: number
  /** Clients that are brought up from the log at once; the others wait. Default 8. */
  readonly maxReplays?: number
}

export interface LiveDependencies {
  readonly log: Log
  readonly readModel: Pick<ReadModel, 'getRun'>
  readonly environment: Environment
  readonly logger: Logger
  readonly options?: LiveOptions
}

const DEFAULTS: Required<LiveOptions> = {
  maxClients: 2_000,
  heartbeatMs: 15_000,
  maxWaitingBytes: 1 << 20,
  maxReplayEvents: 100_000,
  maxReplays: 8,
}
/** Clients that are written to in one turn of the event loop. */
const SLICE = 64
/** More clients, fewer and larger writes: events are gathered for as long as writing to all may take. */
const GATHER_MS_PER_CLIENT = 0.5
const MIN_GATHER_MS = 20
const MAX_GATHER_MS = 100
/** The tail outlasts its last client by this, for the one that comes back after the second that clients are told to wait. It reads all that happens, so not for long. */
const TAIL_KEPT_MS = 2_000
/** A client that was told to go has this long to take what it was sent. */
const LINGER_MS = 10_000
const RETRY_AFTER_S = 5

const MESSAGES: { readonly [R in SnapshotReason]: string } = {
  slow_client: 'the client did not take events as fast as they came',
  too_old: 'events after the position are not kept any more',
  too_far_behind: 'more events have come since the position than are replayed',
  beyond_end: 'the position lies beyond the end of the log',
  other_log: 'the position is of another log',
  flow_unknown: 'a run came by whose flow is not known here any more',
}

export class LiveEvents {
  readonly #dependencies: LiveDependencies
  readonly #options: Required<LiveOptions>
  readonly #mark: string
  readonly #names: FlowNames
  /** All that are sent something, joined to the shared stream or on their way to it. */
  readonly #clients = new Set<Subscriber>()
  readonly #joined = new Set<Subscriber>()
  /** Of those that have joined. */
  readonly #interests: Interests
  #tail: EventTail | null = null
  #opening: Promise<EventTail> | null = null
  #closeTail: Cancel | null = null
  #heartbeat: Cancel | null = null
  #replays = 0
  readonly #replayQueue: (() => void)[] = []
  #closed = false

  constructor(dependencies: LiveDependencies) {
    this.#dependencies = dependencies
    this.#options = { ...DEFAULTS, ...dependencies.options }
    this.#mark = logMark(dependencies.log.id)
    this.#names = new FlowNames(dependencies.readModel, dependencies.environment)
    this.#interests = new Interests(this.#names)
  }

  get clients(): number {
    return this.#clients.size
  }

  /**
   * Finds out where a client begins; resolves with what starts it, which is to be called at once.
   * @throws {RequestError} `invalid_request` for an id that is none, `service_overloaded` beyond the bound of clients
   */
  async prepare(filter: EventFilter, start: Start): Promise<(outlet: Outlet) => void> {
    this.#admit()
    const tail = await this.#openTail()
    const point = await startingPoint(start, this.#eventLog(tail), this.#options.maxReplayEvents)
    this.#admit()
    return (outlet) => {
      const client = new Subscriber(filter, point.position, outlet, this.#mark, this.#names)
      this.#enter(client)
      if (point.ok) void this.#bringUp(client, tail)
      else {
        outlet.open()
        this.#dismiss(client, point.reason)
      }
    }
  }

  /** Ends all streams; clients come back with their last id. */
  close(): void {
    this.#closed = true
    this.#heartbeat?.()
    this.#closeTail?.()
    this.#stopTail()
    for (const client of [...this.#clients]) client.outlet.destroy()
  }

  #admit(): void {
    if (this.#closed)
      throw new RequestError('unavailable', 'the server is shutting down', { retryAfterS: RETRY_AFTER_S })
    const { maxClients } = this.#options
    if (this.clients < maxClients) return
    throw new RequestError('service_overloaded', `${this.clients} clients follow events; the bound is ${maxClients}`, {
      details: { code: 'TOO_MANY_STREAMS', max_clients: maxClients },
      retryAfterS: RETRY_AFTER_S,
    })
  }

  #enter(client: Subscriber): void {
    this.#clients.add(client)
    this.#closeTail?.()
    this.#closeTail = null
    this.#heartbeat ??= this.#nextHeartbeat()
    client.outlet.onGone(() => this.#left(client))
  }

  #left(client: Subscriber): void {
    this.#leave(client)
    if (!this.#clients.delete(client) || this.clients > 0 || this.#closed) return
    this.#heartbeat?.()
    this.#heartbeat = null
    this.#closeTail = this.#dependencies.environment.after(TAIL_KEPT_MS, () => this.#stopTail())
  }

  #eventLog(tail: EventTail): EventLog {
    const { log } = this.#dependencies
    return { log, mark: this.#mark, now: () => tail.position, covers: (position) => tail.recent.covers(position) }
  }

  async #bringUp(client: Subscriber, tail: EventTail): Promise<void> {
    client.greet()
    const { log, environment, logger } = this.#dependencies
    const near = tail.recent.covers(client.position)
    if (!near) await this.#replayTurn()
    try {
      const tools = { log, environment, tail, names: this.#names }
      const joining = { join: () => this.#join(client, tail), leave: () => this.#leave(client) }
      const outcome = await catchUp(client, tools, joining)
      if (!outcome.ok) this.#dismiss(client, outcome.reason)
    } catch (error) {
      if (!this.#closed) logger.warn({ component: 'gateway', error }, 'a stream of events could not be brought up')
      client.outlet.destroy()
    }
    if (!near) this.#replayDone()
  }

  /** Returns whether it is still there. */
  #join(client: Subscriber, tail: EventTail): boolean {
    if (client.isOver) return false
    // its stream has ended meanwhile: the client comes back to the new one
    if (tail !== this.#tail) {
      client.outlet.destroy()
      return false
    }
    this.#joined.add(client)
    this.#interests.add(client.filter)
    return true
  }

  #leave(client: Subscriber): void {
    if (this.#joined.delete(client)) this.#interests.delete(client.filter)
  }

  async #replayTurn(): Promise<void> {
    if (this.#replays < this.#options.maxReplays) this.#replays++
    else await new Promise<void>((resolve) => this.#replayQueue.push(resolve))
  }

  #replayDone(): void {
    const next = this.#replayQueue.shift()
    if (next === undefined) this.#replays--
    else next()
  }

  #openTail(): Promise<EventTail> {
    if (this.#tail !== null) return Promise.resolve(this.#tail)
    this.#opening ??= this.#startTail().finally(() => {
      this.#opening = null
    })
    return this.#opening
  }

  async #startTail(): Promise<EventTail> {
    const { log, environment } = this.#dependencies
    const start = new Array<number>(log.partitions).fill(0)
    for (const { topic, partition, nextOffset } of await log.describe()) {
      if (topic === 'events') start[partition] = nextOffset
    }
    this.#admit()
    const tail: EventTail = new EventTail({
      log,
      environment,
      start,
      idOf: (position) => positionId(this.#mark, position),
      gatherMs: () => Math.min(MAX_GATHER_MS, MIN_GATHER_MS + this.clients * GATHER_MS_PER_CLIENT),
      onEvent: (event) => this.#names.note(event),
      undecided: (events) => this.#interests.undecided(events),
      wanting: (event) => this.#interests.wanting(event),
      learn: (events) => this.#learn(events),
      publish: (batch) => this.#publish(batch, tail),
      onFailure: (error) => this.#tailFailed(tail, error),
    })
    this.#tail = tail
    return tail
  }

  #stopTail(): void {
    this.#tail?.close()
    this.#tail = null
    for (const client of [...this.#joined]) client.outlet.destroy()
  }

  #tailFailed(tail: EventTail, error: unknown): void {
    if (tail !== this.#tail) return
    this.#dependencies.logger.warn(
      { component: 'gateway', error },
      'events can no longer be followed; clients are let go',
    )
    this.#stopTail()
  }

  async #learn(events: readonly LiveEvent[]): Promise<void> {
    if (await this.#names.learn(events)) return
    // Somebody may have wanted what nobody knows the flow of.
    for (const client of [...this.#joined]) {
      if (client.filter.flow !== null && client.couldWant(events)) this.#dismiss(client, 'flow_unknown')
    }
  }

  async #publish({ events, texts, id }: TailBatch, tail: EventTail): Promise<void> {
    const chunks = new Map<string, Uint8Array>()
    for (const [key, text] of texts) chunks.set(key, encoded(text))
    await this.#each(this.#joined, (client) => {
      if (client.isShared) client.sendShared(chunks.get(client.filter.key) ?? null, id)
      else {
        client.sendOwn(events)
        client.joinAt(tail.position)
      }
    })
  }

  /** Some in each turn. Those that do not keep up are let go. */
  async #each(all: ReadonlySet<Subscriber>, work: (client: Subscriber) => void): Promise<void> {
    const clients = [...all]
    for (let index = 0; index < clients.length; index++) {
      if (index % SLICE === SLICE - 1)
        await new Promise<void>((resolve) => this.#dependencies.environment.soon(resolve))
      const client = clients[index]!
      if (!all.has(client)) continue
      work(client)
      if (client.outlet.waitingBytes > this.#options.maxWaitingBytes) this.#dismiss(client, 'slow_client')
    }
  }

  #dismiss(client: Subscriber, reason: SnapshotReason): void {
    const { outlet } = client
    this.#left(client)
    if (client.isOver) return
    client.requireSnapshot(reason, MESSAGES[reason], this.#tail?.position ?? client.position)
    const cancel = this.#dependencies.environment.after(LINGER_MS, () => outlet.destroy())
    outlet.onGone(cancel)
  }

  #nextHeartbeat(): Cancel {
    const { environment } = this.#dependencies
    return environment.after(this.#options.heartbeatMs, () => {
      this.#heartbeat = this.#nextHeartbeat()
      void this.#beat()
    })
  }

  /** Carries the position too, so that a client whose filter lets little through does not fall behind. */
  async #beat(): Promise<void> {
    await this.#each(this.#clients, (client) => client.outlet.write(encoded(`: heartbeat\nid: ${client.id}\n\n`)))
  }
}
