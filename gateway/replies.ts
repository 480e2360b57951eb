/** Answers that tasks send to this gateway: requests wait for them under a correlation of their own. */
import { ChurningMap } from '../schemas/churning.ts'
import { decodeRecord } from '../schemas/codec/wire.ts'
import type { Reply } from '../schemas/records/replies.ts'
import type { ReplyTo } from '../schemas/records/shared.ts'
import type { Environment } from '../topology/environment.ts'
import type { Log, LogRecord, ReadFrom } from '../topology/log/port.ts'
import { RequestError } from './errors.ts'
import { type Follower, follow } from './follow.ts'
import type { Logger } from './ports.ts'

export interface Expected {
  readonly replyTo: ReplyTo
  /** Rejects with `timeout` when the task has not answered in time. */
  readonly reply: Promise<Reply>
  /** The request failed before it was sent: nobody will answer. */
  forget(): void
}

export interface RepliesOptions {
  /** `null`: any. Several gateways may read the same partition, each takes what it waits for. */
  readonly partition: number | null
  readonly timeoutMs: number
  readonly maxWaiting: number
}

interface Waiting {
  readonly settle: (reply: Reply) => void
  readonly fail: (error: RequestError) => void
  readonly forget: () => void
}

/** Advice to a client whose request was sent but not decided in time. */
const RETRY_AFTER_S = 2

/** Reads one partition of `replies` from its end, from its creation until `close`. */
export class Replies {
  /** Resolves once no answer can be missed any more. */
  readonly ready: Promise<void>
  readonly #environment: Environment
  readonly #options: RepliesOptions
  readonly #partition: number
  readonly #logger: Logger
  readonly #follower: Follower
  readonly #waiting = new ChurningMap<string, Waiting>()
  /** Tells this gateway's correlations from those of others, and of an earlier one, on the same partition. */
  readonly #prefix: string
  readonly #opened = Promise.withResolvers<void>()
  #next = 0

  constructor(log: Log, environment: Environment, logger: Logger, options: RepliesOptions) {
    this.#environment = environment
    this.#logger = logger
    this.#options = options
    this.#partition = options.partition ?? environment.randomU32() % log.partitions
    this.#prefix = `${environment.randomU32().toString(36)}${environment.randomU32().toString(36)}-`
    this.ready = this.#opened.promise
    this.#follower = follow({
      log,
      environment,
      logger,
      topic: 'replies',
      partition: this.#partition,
      // the end as it is now, not as it will be when the reader has found it
      from: () => endOf(log, this.#partition),
      onOpen: () => this.#opened.resolve(),
      onRecords: (records) => {
        for (const record of records) this.#read(record)
      },
    })
  }

  /**
   * `bounded` false: whoever asks for many at once has a bound of its own.
   * @throws {RequestError} when too many requests wait already
   */
  expect(what: string, bounded = true): Expected {
    if (bounded && this.#waiting.size >= this.#options.maxWaiting) {
      throw new RequestError('service_overloaded', `${this.#waiting.size} requests wait for decisions already`, {
        retryAfterS: RETRY_AFTER_S,
      })
    }
    const correlation = `${this.#prefix}${(this.#next++).toString(36)}`
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    // it may fail before anybody waits for it, while the request is still being written
    promise.catch(() => undefined)
    const forget = (): void => {
      this.#waiting.delete(correlation)
      cancel()
    }
    const cancel = this.#environment.after(this.#options.timeoutMs, () => {
      this.#waiting.delete(correlation)
      reject(timedOut(what, this.#options.timeoutMs))
    })
    this.#waiting.set(correlation, { settle: resolve, fail: reject, forget })
    return { replyTo: { partition: this.#partition, correlation }, reply: promise, forget }
  }

  close(): void {
    this.#follower.close()
    this.#opened.resolve()
    for (const { forget, fail } of [...this.#waiting.values()]) {
      forget()
      fail(stopping())
    }
  }

  #read(record: LogRecord): void {
    try {
      const message = record.message ?? decodeRecord(record.value)
      if (message.kind === 'Reply') this.#settle(message)
    } catch (error) {
      this.#logger.warn({ component: 'gateway', offset: record.offset, error }, 'a record of replies cannot be read')
    }
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.correlation)
    if (waiting === undefined) return
    waiting.forget()
    waiting.settle(reply)
  }
}

function stopping(): RequestError {
  const advice = 'ask again with the same idempotency key, or look at the run later'
  return new RequestError('unavailable', `the gateway stops before the answer has come; ${advice}`, {
    retryAfterS: RETRY_AFTER_S,
  })
}

function timedOut(what: string, timeoutMs: number): RequestError {
  return new RequestError(
    'timeout',
    `${what} was recorded, but not decided within ${timeoutMs} ms; ask again with the same idempotency key, or look at the run later`,
    { retryAfterS: RETRY_AFTER_S },
  )
}

async function endOf(log: Log, partition: number): Promise<ReadFrom> {
  const partitions = await log.describe()
  const end = partitions.find((info) => info.topic === 'replies' && info.partition === partition)
  return end === undefined ? 'end' : { offset: end.nextOffset }
}
