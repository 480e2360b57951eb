/** Sends the demo's data: films as records of the ingest topic, flights as requests to the gateway. Both survive the death of the engine. */
import { setTimeout as pause } from 'node:timers/promises'
import type { ApiClient, ApiResponse, Submission } from '../process/api-client.ts'

export interface FeedCounts {
  /** Records that are durable in the ingest topic. */
  produced: number
  /** Runs the gateway accepted. */
  submitted: number
  /** Calls without an answer, each of which was sent again under the same idempotency key. */
  resent: number
  /** Submissions sent twice on purpose. */
  twice: number
  /** Answers that named the run of an earlier submission with the same key. */
  recognised: number
}

const CHUNK = 40

export class Feed {
  readonly counts: FeedCounts = { produced: 0, submitted: 0, resent: 0, twice: 0, recognised: 0 }
  readonly #client: ApiClient
  readonly #history: string[] = []

  constructor(client: ApiClient) {
    this.#client = client
  }

  /** What the gateway answered, as the checker reads it: one JSON object a line. */
  history(): string {
    return this.#history.map((line) => `${line}\n`).join('')
  }

  /** Appends the submissions to `ingest` in chunks, at about `perSecond`. */
  async produce(submissions: readonly Submission[], perSecond: number): Promise<void> {
    const began = performance.now()
    for (let from = 0; from < submissions.length; from += CHUNK) {
      const chunk = submissions.slice(from, from + CHUNK)
      const lines = chunk.map((submission) => JSON.stringify(submission)).join('\n')
      const path = '/api/v1/topics/ingest/records'
      const answer = await this.#answered(() => this.#client.call('POST', path, lines, 'application/x-ndjson'))
      if (answer.status >= 300) throw new Error(`producing answered ${answer.status}: ${JSON.stringify(answer.body)}`)
      this.counts.produced += chunk.length
      await pause(Math.max(0, began + (this.counts.produced / perSecond) * 1000 - performance.now()))
    }
  }

  /** Submits one run after another, at about `perSecond`; every tenth is sent a second time, as a nervous client would. */
  async submit(submissions: readonly Submission[], perSecond: number): Promise<void> {
    const began = performance.now()
    const pending = new Set<Promise<void>>()
    for (const [index, submission] of submissions.entries()) {
      await pause(Math.max(0, began + (index / perSecond) * 1000 - performance.now()))
      const sent = this.#submitOne(submission, index % 10 === 0).finally(() => pending.delete(sent))
      pending.add(sent)
      if (pending.size >= 32) await Promise.race(pending)
    }
    await Promise.all(pending)
  }

  async #submitOne(submission: Submission, twice: boolean): Promise<void> {
    const first = await this.#accepted(submission)
    this.counts.submitted++
    if (!twice) return
    this.counts.twice++
    const second = await this.#accepted(submission)
    if (second !== first) throw new Error(`key ${submission.idempotency_key} gave two runs, ${first} and ${second}`)
  }

  async #accepted(submission: Submission): Promise<string> {
    const answer = await this.#answered(() => this.#client.submit(submission))
    if (answer.status !== 202 && answer.status !== 200) {
      throw new Error(`submission answered ${answer.status}: ${JSON.stringify(answer.body)}`)
    }
    if (answer.status === 200) this.counts.recognised++
    return String(answer.body.run_id)
  }

  /** Calls until there is an answer other than "not now". */
  async #answered(call: () => Promise<ApiResponse>): Promise<ApiResponse> {
    for (;;) {
      try {
        const answer = await call()
        if (answer.status !== 429 && answer.status !== 503 && answer.status !== 504) return answer
        await pause((answer.retryAfter ?? 0) * 1000)
      } catch {
        this.counts.resent++
      }
      await pause(50)
    }
  }
}
