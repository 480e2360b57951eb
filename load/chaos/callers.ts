/**
 * Clients of the HTTP API. A submission that was not answered, or told "not now", is made again under its idempotency key, at another gateway, until it is
 * answered, as a careful client does.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { CRASH_FLOW_NAMES } from '../crash/flows.ts'
import { ApiClient, type ApiResponse } from '../process/api-client.ts'
import type { Random } from '../process/random.ts'
import type { History } from './history.ts'

export interface CallersOptions {
  readonly urls: readonly string[]
  readonly sinkUrl: string
  readonly history: History
  readonly random: Random
  readonly callers: number
  /** Pause of a caller between two submissions, milliseconds. */
  readonly pauseMs: number
}

/** A gateway that is frozen does not answer; it must not hold its callers for as long. */
const ANSWER_WITHIN_MS = 8_000
const CANCELLED = 0.03

export class Callers {
  accepted = 0
  /** No answer. */
  unanswered = 0
  /** 503 and 429. */
  refusedForNow = 0
  /** Anything else that is no acceptance; there is no reason for any. */
  readonly odd: string[] = []
  readonly #options: CallersOptions
  readonly #clients: readonly ApiClient[]
  readonly #callers: Promise<void>[]
  #next = 0
  #stopped = false

  constructor(options: CallersOptions) {
    this.#options = options
    this.#clients = options.urls.map((url) => new ApiClient(url, options.callers))
    this.#callers = Array.from({ length: options.callers }, () => this.#call())
  }

  /** No new submissions; resolves once each one that was begun is answered. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#callers)
    await Promise.all(this.#clients.map((client) => client.close()))
  }

  async #call(): Promise<void> {
    const { random, sinkUrl, history, pauseMs } = this.#options
    while (!this.#stopped) {
      const item = `http-${this.#next++}`
      const flow = CRASH_FLOW_NAMES[random.between(0, CRASH_FLOW_NAMES.length - 1)]!
      const cancel = random.share() < CANCELLED
      const answer = await this.#answered((client) =>
        client.submit({ flow, input: { item, sink: sinkUrl }, idempotency_key: item }),
      )
      if (answer.status !== 202 && answer.status !== 200) {
        this.odd.push(`submission of ${item}: ${answer.status} ${JSON.stringify(answer.body)}`)
        continue
      }
      const runId = String(answer.body.run_id)
      this.accepted++
      history.submitted(runId, item)
      if (cancel) {
        const told = await this.#answered((client) => client.call('POST', `/api/v1/runs/${runId}/cancel`, {}))
        history.cancelled(runId, told.status < 300)
      }
      await pause(pauseMs * random.share() * 2)
    }
  }

  async #answered(call: (client: ApiClient) => Promise<ApiResponse>): Promise<ApiResponse> {
    const { random } = this.#options
    for (let tries = 0; ; tries++) {
      const client = this.#clients[random.between(0, this.#clients.length - 1)]!
      const answer = await inTime(call(client))
      if (answer === null) this.unanswered++
      else if ([429, 503, 504].includes(answer.status)) this.refusedForNow++
      else return answer
      await pause(Math.min(50 * 2 ** tries, 500))
    }
  }
}

/** `null`: no answer. What comes too late is not listened to any more. */
async function inTime(call: Promise<ApiResponse>): Promise<ApiResponse | null> {
  let late: NodeJS.Timeout | undefined
  const ended = new Promise<null>((resolve) => {
    late = setTimeout(() => resolve(null), ANSWER_WITHIN_MS)
  })
  try {
    return await Promise.race([call.catch(() => null), ended])
  } finally {
    clearTimeout(late)
  }
}
