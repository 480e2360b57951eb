/** Load that goes on while others look at it. */
import { toJsonText } from '../../schemas/json.ts'
import { payloadOf } from '../measure/driver.ts'
import type { BenchClient } from './client.ts'

const PAYLOAD_BYTES = 1024

/** So many runs in flight all the while, each followed by the next. */
export class RunningLoop {
  ended = 0
  #over = false
  #failure: { readonly error: unknown } | null = null
  readonly #callers: readonly Promise<void>[]

  constructor(client: BenchClient, flow: string, inFlight: number) {
    this.#callers = Array.from({ length: inFlight }, () => this.#call(client, flow))
  }

  /** @throws if a run did not complete */
  async stop(): Promise<void> {
    this.#over = true
    await Promise.all(this.#callers)
    if (this.#failure !== null) throw this.#failure.error
  }

  async #call(client: BenchClient, flow: string): Promise<void> {
    try {
      while (!this.#over) {
        await client.run(flow, toJsonText(payloadOf(PAYLOAD_BYTES, this.ended)))
        this.ended++
      }
    } catch (error) {
      this.#over = true
      this.#failure ??= { error }
    }
  }
}

const LOOK_MS = 5

/** Runs at a steady rate: what the timer is late by is made up for. */
export class SteadyRuns {
  readonly #client: BenchClient
  readonly #flow: string
  readonly #input = toJsonText(payloadOf(PAYLOAD_BYTES, 0))
  readonly #begun: Promise<unknown>[] = []
  readonly #timer: NodeJS.Timeout

  constructor(client: BenchClient, flow: string, perSecond: number) {
    this.#client = client
    this.#flow = flow
    const since = performance.now()
    this.#timer = setInterval(() => {
      const due = ((performance.now() - since) / 1000) * perSecond
      while (this.#begun.length < due) this.#begin()
    }, LOOK_MS)
  }

  /** Resolves with how many there were once all have ended. @throws if one did not complete */
  async stop(): Promise<number> {
    clearInterval(this.#timer)
    await Promise.all(this.#begun)
    return this.#begun.length
  }

  #begin(): void {
    const run = this.#client.run(this.#flow, this.#input)
    // told by `stop`
    run.catch(() => {})
    this.#begun.push(run)
  }
}
