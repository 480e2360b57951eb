/** Answers that tasks send to this gateway: requests wait for them under a correlation of their own. */
import { decodeRecord } from '../schemas/codec/wire.ts'
import type { Reply } from '../schemas/records/replies.ts'
import type { ReplyTo } from '../schemas/records/shared.ts'
import type { Environment } from '../topology/environment.ts'
import type { Log, LogReader } from '../topology/log/port.ts'
import { RequestError } from './errors.ts'
import type { Logger } from './ports.ts'

export interface Expected {
  readonly replyTo: ReplyTo
  /** Rejects with `timeout` when the task has not answered in time. */
  readonly reply: Promise<Reply>
  /** The request failed before it was sent: nobody will answer. */
  forget(): void
}

export interface RepliesOptions {
  readonly partition: number
  readonly timeoutMs: number
  readonly maxWaiting: number
}

const BATCH = 500
/** Advice to a client whose request was sent but not decided in time. */
const RETRY_AFTER_S = 2

/** Reads one partition of `replies` from its end, from its creation until `close`. */
export class Replies {
  readonly #environment: Environment
  readonly #options: RepliesOptions
  readonly #logger: Logger
  readonly #reader: LogReader
  readonly #waiting = new Map<string, { readonly settle: (reply: Reply) => void; readonly forget: () => void }>()
  /** Tells this gateway's correlations from those of an earlier one on the same partition. */
  readonly #prefix: string
  #next = 0
  #closed = false

  constructor(log: Log, environment: Environment, logger: Logger, options: RepliesOptions) {
    this.#environment = environment
    this.#logger = logger
    this.#options = options
    this.#prefix = `${environment.randomU32().toString(36)}-`
    this.#reader = log.read('replies', options.partition, 'end')
    void this.#follow()
  }

  /** @throws {RequestError} when too many requests wait already */
  expect(what: string): Expected {
    if (this.#waiting.size >= this.#options.maxWaiting) {
      throw new RequestError('service_overloaded', `${this.#waiting.size} requests wait for decisions already`, {
        retryAfterS: RETRY_AFTER_S,
      })
    }
    const correlation = `${this.#prefix}${(this.#next++).toString(36)}`
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    const forget = (): void => {
      this.#waiting.delete(correlation)
      cancel()
    }
    const cancel = this.#environment.after(this.#options.timeoutMs, () => {
      this.#waiting.delete(correlation)
      reject(timedOut(what, this.#options.timeoutMs))
    })
    this.#waiting.set(correlation, { settle: resolve, forget })
    return { replyTo: { partition: this.#options.partition, correlation }, reply: promise, forget }
  }

  close(): void {
    this.#closed = true
    this.#reader.close()
    for (const { forget } of [...this.#waiting.values()]) forget()
  }

  async #follow(): Promise<void> {
    try {
      while (!this.#closed) {
        for (const record of await this.#reader.next(BATCH)) {
          const message = record.message ?? decodeRecord(record.value)
          if (message.kind === 'Reply') this.#settle(message)
        }
      }
    } catch (error) {
      if (!this.#closed) this.#logger.error({ component: 'gateway', error }, 'replies can no longer be read')
    }
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.correlation)
    if (waiting === undefined) return
    waiting.forget()
    waiting.settle(reply)
  }
}

function timedOut(what: string, timeoutMs: number): RequestError {
  return new RequestError(
    'timeout',
    `${what} was recorded, but not decided within ${timeoutMs} ms; ask again with the same idempotency key, or look at the run later`,
    { retryAfterS: RETRY_AFTER_S },
  )
}
