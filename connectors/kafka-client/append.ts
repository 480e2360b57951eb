/**
 * Appends outside of transactions, acks=all.
 *
 * A lane is the queue of one partition. A request to a broker takes from all its lanes what waits there, one batch for each, and no lane or broker has more
 * than one request under way; so records of a partition are written in the order of the calls, and what gathers meanwhile shares the next request. A lane
 * whose batch failed for a passing reason keeps it in front and waits before it tries again.
 */
import type { Environment } from '../../topology/environment.ts'
import { MAX_BATCH_BYTES, sizeOfRecord } from './batch.ts'
import type { Connections } from './connection.ts'
import { KafkaClientError, type KafkaOptions, type KafkaRecord } from './contract.ts'
import { ProtocolError } from './protocol-error.ts'
import { type ProduceAnswer, produce } from './requests/produce.ts'
import { asClientError, isPassing, mayHaveMoved, report } from './retry.ts'
import { recordTooLarge } from './too-large.ts'

export interface Appender {
  append(records: readonly KafkaRecord[]): Promise<readonly number[]>
  close(): void
}

interface Call {
  readonly offsets: number[]
  readonly startedMs: number
  readonly reject: (error: Error) => void
  readonly resolve: (offsets: readonly number[]) => void
  left: number
}

interface Item {
  readonly record: KafkaRecord
  readonly bytes: number
  readonly call: Call
  readonly index: number
}

interface Lane {
  readonly topic: string
  readonly partition: number
  queue: Item[]
  /** Its batch is under way, or it waits to try again. */
  busy: boolean
  tries: number
  /** After a refusal for size: half of what was refused, until a batch is taken. */
  takeAtMost: number
}

interface Batch {
  readonly lane: Lane
  readonly items: Item[]
}

const MAX_REQUEST_BYTES = 8 * 1024 * 1024
const MAX_WAITING_BYTES = 64 * 1024 * 1024
const DEADLINE_MS = 30_000
const UNKNOWN_TOPIC_MS = 3_000
const REPLICAS_TIMEOUT_MS = 10_000

export function createAppender(options: KafkaOptions, connections: Connections, environment: Environment): Appender {
  return new LaneAppender(options, connections, environment)
}

class LaneAppender implements Appender {
  readonly #connections: Connections
  readonly #environment: Environment
  readonly #replicasTimeoutMs: number
  /** Lanes with something in their queue, in the order in which they will be served. */
  readonly #lanes = new Map<string, Lane>()
  /** Node ids with a request under way. */
  readonly #busy = new Set<number>()
  readonly #locating = new Set<string>()
  #waitingBytes = 0
  #scheduled = false
  #closed = false

  constructor(options: KafkaOptions, connections: Connections, environment: Environment) {
    this.#connections = connections
    this.#environment = environment
    this.#replicasTimeoutMs = Math.min(REPLICAS_TIMEOUT_MS, options.requestTimeoutMs ?? REPLICAS_TIMEOUT_MS)
  }

  append(records: readonly KafkaRecord[]): Promise<readonly number[]> {
    if (this.#closed) return Promise.reject(closedError())
    if (records.length === 0) return Promise.resolve([])
    if (this.#waitingBytes >= MAX_WAITING_BYTES) return Promise.reject(this.#full())
    return new Promise((resolve, reject) => {
      const startedMs = this.#environment.monotonic()
      const offsets = new Array<number>(records.length).fill(-1)
      const call: Call = { offsets, startedMs, resolve, reject, left: records.length }
      for (let index = 0; index < records.length; index++) this.#enqueue(records[index]!, call, index)
      this.#schedule()
    })
  }

  close(): void {
    this.#closed = true
    for (const lane of this.#lanes.values()) for (const item of lane.queue) item.call.reject(closedError())
    this.#lanes.clear()
  }

  #full(): KafkaClientError {
    return new KafkaClientError('UNREACHABLE', `append: ${this.#waitingBytes} bytes wait for the brokers already`)
  }

  #enqueue(record: KafkaRecord, call: Call, index: number): void {
    const { topic, partition } = record
    const bytes = sizeOfRecord(record)
    this.#waitingBytes += bytes
    const key = `${topic}/${partition}`
    const lane = this.#lanes.get(key)
    if (lane !== undefined) lane.queue.push({ record, bytes, call, index })
    else {
      const queue = [{ record, bytes, call, index }]
      this.#lanes.set(key, { topic, partition, queue, busy: false, tries: 0, takeAtMost: Number.POSITIVE_INFINITY })
    }
  }

  /** After what else this turn of the event loop appends. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#environment.soon(() => {
      this.#scheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    const byLeader = new Map<number, Lane[]>()
    for (const [key, lane] of this.#lanes) {
      if (lane.busy) continue
      const leader = this.#connections.knownLeader(lane.topic, lane.partition)
      if (leader === undefined) this.#locate(key, lane)
      else if (!this.#busy.has(leader)) byLeader.get(leader)?.push(lane) ?? byLeader.set(leader, [lane])
    }
    for (const [leader, lanes] of byLeader) this.#send(leader, this.#take(lanes))
  }

  #locate(key: string, lane: Lane): void {
    if (this.#locating.has(key)) return
    this.#locating.add(key)
    this.#connections
      .leader(lane.topic, lane.partition)
      .catch((error: unknown) => this.#refused({ lane, items: lane.queue.splice(0) }, error))
      .finally(() => {
        this.#locating.delete(key)
        this.#schedule()
      })
  }

  #take(lanes: readonly Lane[]): Batch[] {
    const batches: Batch[] = []
    let requestBytes = 0
    for (const lane of lanes) {
      if (requestBytes >= MAX_REQUEST_BYTES) break
      let count = 0
      let bytes = 0
      while (count < Math.min(lane.queue.length, lane.takeAtMost)) {
        const next = lane.queue[count]!.bytes
        if (count > 0 && bytes + next > MAX_BATCH_BYTES) break
        bytes += next
        count++
      }
      lane.busy = true
      requestBytes += bytes
      batches.push({ lane, items: lane.queue.splice(0, count) })
    }
    return batches
  }

  async #send(leader: number, batches: readonly Batch[]): Promise<void> {
    this.#busy.add(leader)
    try {
      const { topic, partition } = batches[0]!.lane
      const broker = await this.#connections.leader(topic, partition)
      const answers = await broker.send(this.#request(batches))
      const byPartition = new Map(answers.map((answer) => [`${answer.topic}/${answer.partition}`, answer]))
      for (const batch of batches) this.#answered(batch, byPartition.get(nameOf(batch.lane)))
    } catch (error) {
      for (const batch of batches) this.#refused(batch, error)
    } finally {
      this.#busy.delete(leader)
      this.#pump()
    }
  }

  #request(batches: readonly Batch[]) {
    return produce(
      batches.map(({ lane, items }) => ({
        topic: lane.topic,
        partition: lane.partition,
        records: items.map((item) => item.record),
        baseSequence: -1,
      })),
      {
        transactionalId: null,
        timeoutMs: this.#replicasTimeoutMs,
        nowMs: this.#environment.now(),
        producerId: -1n,
        producerEpoch: -1,
        transactional: false,
      },
    )
  }

  #answered(batch: Batch, answer: ProduceAnswer | undefined): void {
    const { lane, items } = batch
    if (answer === undefined || answer.errorCode !== 0) {
      const { errorCode = -1, errorMessage = 'no answer for the partition' } = answer ?? {}
      this.#refused(batch, new ProtocolError(errorCode, 'Produce', nameOf(lane), errorMessage))
      return
    }
    for (let at = 0; at < items.length; at++) this.#done(items[at]!, answer.baseOffset + at)
    this.#connections.health.succeeded('append')
    lane.tries = 0
    lane.takeAtMost = Number.POSITIVE_INFINITY
    this.#release(lane)
  }

  #done({ call, index, bytes }: Item, offset: number): void {
    this.#waitingBytes -= bytes
    call.offsets[index] = offset
    if (--call.left === 0) call.resolve(call.offsets)
  }

  #refused(batch: Batch, error: unknown): void {
    const { lane } = batch
    lane.busy = true
    if (mayHaveMoved(error)) this.#connections.forget()
    if (error instanceof ProtocolError && error.reaction === 'large') this.#tooLarge(batch, error)
    else if (isPassing(error)) this.#again(batch, error)
    else this.#failed(batch, asClientError(error, `append to ${nameOf(lane)}`))
  }

  /** Back to the front of the lane, except what has waited for too long. */
  #again({ lane, items }: Batch, error: unknown): void {
    report(this.#connections.health, 'append', `append to ${nameOf(lane)}`, error)
    const unknown = error instanceof ProtocolError && error.reaction === 'topic'
    const oldestMs = this.#environment.monotonic() - (unknown ? UNKNOWN_TOPIC_MS : DEADLINE_MS)
    const given = items.filter((item) => item.call.startedMs <= oldestMs)
    for (const item of given) this.#fail(item, asClientError(error, `append to ${nameOf(lane)}`))
    lane.queue = items.filter((item) => item.call.startedMs > oldestMs).concat(lane.queue)
    lane.tries++
    this.#environment.after(Math.min(5 * 2 ** Math.min(lane.tries, 10), 500), () => {
      this.#release(lane)
      this.#schedule()
    })
  }

  #tooLarge(batch: Batch, error: ProtocolError): void {
    const { lane, items } = batch
    if (items.length > 1) {
      lane.queue = items.concat(lane.queue)
      lane.takeAtMost = Math.ceil(items.length / 2)
      this.#release(lane)
      return
    }
    lane.takeAtMost = Number.POSITIVE_INFINITY
    recordTooLarge(items[0]!.record, this.#connections, error).then((named) => {
      this.#failed(batch, named)
      this.#schedule()
    })
  }

  #failed({ lane, items }: Batch, error: KafkaClientError): void {
    for (const item of items) this.#fail(item, error)
    this.#release(lane)
  }

  #fail(item: Item, error: KafkaClientError): void {
    this.#waitingBytes -= item.bytes
    item.call.reject(error)
  }

  /** To the end of the line, or out of it. */
  #release(lane: Lane): void {
    lane.busy = false
    const key = nameOf(lane)
    this.#lanes.delete(key)
    if (lane.queue.length === 0) return
    if (this.#closed) for (const item of lane.queue) item.call.reject(closedError())
    else this.#lanes.set(key, lane)
  }
}

const nameOf = (lane: Lane): string => `${lane.topic}/${lane.partition}`

const closedError = () => new KafkaClientError('CLOSED', 'append: the Kafka client is closed')
