/**
 * Clients that keep submitting runs and write down what they were told. An answer that never came is asked for again under the same idempotency key, as
 * a careful client does; only answers are written to the history.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { ApiClient, type Submission } from '../process/api-client.ts'
import type { Random } from '../process/random.ts'
import { CRASH_FLOW_NAMES } from './flows.ts'

export interface ClientOptions {
  readonly url: string
  readonly sinkUrl: string
  readonly historyFile: string
  readonly random: Random
  readonly callers: number
  /** Share of the runs that are cancelled right after they were accepted, 0..1. */
  readonly cancelled: number
}

export class CrashClient {
  /** Run ids that were answered with 202. */
  readonly accepted = new Set<string>()
  /** Calls that had no answer or were told to come back. */
  unanswered = 0
  refusedForNow = 0
  readonly #options: ClientOptions
  readonly #client: ApiClient
  readonly #history: number
  readonly #callers: Promise<void>[]
  #next = 0
  #stopped = false

  constructor(options: ClientOptions) {
    this.#options = options
    this.#client = new ApiClient(options.url, options.callers)
    this.#history = openSync(options.historyFile, 'a')
    this.#callers = Array.from({ length: options.callers }, () => this.#call())
  }

  /** No new submissions; resolves once each one that was begun has its answer. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#callers)
  }

  async close(): Promise<void> {
    await this.#client.close()
    closeSync(this.#history)
  }

  async #call(): Promise<void> {
    const { random, sinkUrl, cancelled } = this.#options
    while (!this.#stopped) {
      const item = `item-${this.#next++}`
      const flow = CRASH_FLOW_NAMES[random.between(0, CRASH_FLOW_NAMES.length - 1)]!
      const cancel = random.share() < cancelled
      const runId = await this.#submit({ flow, input: { item, sink: sinkUrl }, idempotency_key: item })
      if (cancel) await this.#cancel(runId)
    }
  }

  async #submit(submission: Submission): Promise<string> {
    const answer = await this.#answered(() => this.#client.submit(submission))
    const runId = String(answer.body.run_id)
    const accepted = answer.status === 202 || answer.status === 200
    if (!accepted) throw new Error(`submission answered ${answer.status}: ${JSON.stringify(answer.body)}`)
    this.accepted.add(runId)
    this.#write({ op: 'submit', run_id: runId, accepted, idempotency_key: submission.idempotency_key })
    return runId
  }

  async #cancel(runId: string): Promise<void> {
    const answer = await this.#answered(() => this.#client.call('POST', `/api/v1/runs/${runId}/cancel`, {}))
    this.#write({ op: 'cancel', run_id: runId, accepted: answer.status < 300 })
  }

  /** Calls until there is an answer other than "not now". */
  async #answered(call: () => ReturnType<ApiClient['submit']>) {
    for (;;) {
      try {
        const answer = await call()
        if (answer.status !== 429 && answer.status !== 503 && answer.status !== 504) return answer
        this.refusedForNow++
      } catch {
        this.unanswered++
      }
      await pause(20)
    }
  }

  #write(line: object): void {
    writeSync(this.#history, `${JSON.stringify({ ...line, at_ms: Date.now() })}\n`)
  }
}
