/**
 * Readers of a gateway, as a process of their own: `CLIENTS` follow the stream of events (those of `FLOW`), and lists, counts and single runs are
 * asked for at a steady rate, as consoles do. Does what each line of its input says, answers with a line, and ends with its input.
 */
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { percentiles } from '../measure/statistics.ts'
import { ApiClient } from '../process/api-client.ts'
import { StreamClients } from './stream-clients.ts'

export type Command =
  | { readonly do: 'follow' | 'rest' }
  /** `events`: what every client is to have been sent. */
  | { readonly do: 'stop'; readonly events: number }
  | { readonly do: 'burn'; readonly share: number }

export type Answer =
  | { readonly kind: 'done' }
  | {
      readonly kind: 'stopped'
      readonly asked: number
      readonly refused: readonly string[]
      readonly answered_p95_ms: number
      readonly fewest: number
      readonly most: number
      readonly let_go: number
      readonly bytes: number
    }

interface Asked {
  readonly url: string
  readonly clients: number
  readonly perSecond: number
  readonly flow: string
}

const QUESTIONS = [
  '/api/v1/runs?limit=50',
  '/api/v1/runs?status=running&limit=50',
  '/api/v1/runs/counts',
  '/api/v1/runs?status=failed&limit=50',
]
const LAST_EVENTS_MS = 10_000
const LOOK_MS = 20
const BURN_EVERY_MS = 10
const DONE: Answer = { kind: 'done' }

/** Lists, counts and single runs. */
class Questions {
  readonly asked: number[] = []
  readonly refused: string[] = []
  readonly #api: ApiClient
  readonly #pending: Promise<void>[] = []
  readonly #asking: Promise<void>
  #over = false
  #runId: string | null = null

  constructor(api: ApiClient, perSecond: number) {
    this.#api = api
    this.#asking = this.#askSteadily(perSecond)
  }

  async stop(): Promise<void> {
    this.#over = true
    await this.#asking
    await Promise.all(this.#pending)
  }

  async #askSteadily(perSecond: number): Promise<void> {
    const began = performance.now()
    for (let number = 0; !this.#over; number++) {
      const oneRun = number % 5 === 4 && this.#runId !== null
      const path = oneRun ? `/api/v1/runs/${this.#runId}` : QUESTIONS[number % QUESTIONS.length]!
      this.#pending.push(this.#ask(path).catch((error: unknown) => void this.refused.push(`${path}: ${error}`)))
      const waitMs = began + ((number + 1) * 1000) / perSecond - performance.now()
      if (waitMs > 0) await pause(waitMs)
    }
  }

  async #ask(path: string): Promise<void> {
    const began = performance.now()
    const { status, body } = await this.#api.call('GET', path)
    this.asked.push(performance.now() - began)
    if (status !== 200) this.refused.push(`${path} got ${status}: ${JSON.stringify(body)}`)
    this.#runId = (body.runs as { run_id: string }[] | undefined)?.[0]?.run_id ?? this.#runId
  }
}

class Reading {
  readonly #streams: StreamClients
  readonly #questions: Questions

  private constructor(streams: StreamClients, questions: Questions) {
    this.#streams = streams
    this.#questions = questions
  }

  static async begin({ url, clients, perSecond, flow }: Asked, api: ApiClient): Promise<Reading> {
    const query = `?flow=${flow}`
    return new Reading(await StreamClients.open(url, clients, query), new Questions(api, perSecond))
  }

  async stop(events: number): Promise<Answer> {
    const streams = this.#streams
    await this.#questions.stop()
    // one frame greets
    const missing = (): boolean => streams.frames.some((frames) => frames < events + 1)
    for (let waited = 0; missing() && streams.gone === 0 && waited < LAST_EVENTS_MS; waited += LOOK_MS)
      await pause(LOOK_MS)
    const { asked, refused } = this.#questions
    streams.close()
    return {
      kind: 'stopped',
      asked: asked.length,
      refused,
      answered_p95_ms: percentiles(asked).p95,
      fewest: Math.min(...streams.frames) - 1,
      most: Math.max(...streams.frames) - 1,
      let_go: streams.gone,
      bytes: streams.bytes,
    }
  }
}

/** Spends the share of a core, a little in every hundredth of a second, as readers do. */
function burn(share: number): NodeJS.Timeout {
  let spentMs = 0
  const since = performance.now()
  return setInterval(() => {
    const dueMs = (performance.now() - since) * share
    const began = process.threadCpuUsage()
    const usedMs = (): number => {
      const { user, system } = process.threadCpuUsage(began)
      return (user + system) / 1000
    }
    while (spentMs + usedMs() < dueMs);
    spentMs += usedMs()
  }, BURN_EVERY_MS)
}

async function main(asked: Asked): Promise<void> {
  const api = new ApiClient(asked.url, 8)
  let reading: Reading | null = null
  let burning: NodeJS.Timeout | null = null
  const perform = async (command: Command): Promise<Answer> => {
    if (command.do === 'follow') reading = await Reading.begin(asked, api)
    else if (command.do === 'stop') return reading!.stop(command.events)
    else if (command.do === 'burn') burning = burn(command.share)
    else clearInterval(burning!)
    return DONE
  }
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await perform(JSON.parse(line) as Command)))
  }
  // whoever gave the orders may have ended while clients follow
  process.exit()
}

if (import.meta.main) {
  const [url, clients, perSecond, flow] = process.argv.slice(2)
  await main({ url: url!, clients: Number(clients), perSecond: Number(perSecond), flow: flow! })
}
