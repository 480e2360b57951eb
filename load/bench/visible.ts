/**
 * From an event to its place in a list: 500 runs a second are posted while somebody asks for the newest ones and
 * those that ended last, again and again. Both count from the instant that the list tells to its answer. So the time for asking is in it.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { openLoop, payloadOf } from '../measure/driver.ts'
import { median, percentiles } from '../measure/statistics.ts'
import { startPostgres } from '../postgres/cluster.ts'
import { findPostgres } from '../postgres/find-postgres.ts'
import { ApiClient } from '../process/api-client.ts'
import { BeamlineProcess } from '../process/beamline-process.ts'
import { freePort } from '../process/free-ports.ts'
import { progress } from './child.ts'

const FLOW = 'flow: bench-echo\nsteps:\n  - id: only\n    type: echo\n    with: "${input}"\n'
const PAYLOAD_BYTES = 1024
const PAGE = 100
const REST_MS = 10
const LAST_LOOKS_MS = 10_000

interface ListedRun {
  readonly run_id: string
  readonly status: string
  readonly accepted_at_ms: number
  readonly finished_at_ms: number | null
}

/** Milliseconds until each run, and its end, was seen. */
class Watcher {
  readonly accepted = new Map<string, number>()
  readonly finished = new Map<string, number>()
  readonly asked: number[] = []
  readonly #api: ApiClient
  readonly #sinceMs = Date.now()

  constructor(api: ApiClient) {
    this.#api = api
  }

  /** The runs accepted last and those that ended last, each as far back as to a page without news, or `all`. What was accepted before the watch began is not counted. */
  async look(all = false): Promise<void> {
    await this.#newest(`accepted_from_ms=${this.#sinceMs}`, this.accepted, (run) => run.accepted_at_ms, all)
    const ended = `accepted_from_ms=${this.#sinceMs}&finished_from_ms=${this.#sinceMs}`
    await this.#newest(ended, this.finished, (run) => run.finished_at_ms!, all)
  }

  async #newest(query: string, seen: Map<string, number>, at: (run: ListedRun) => number, all: boolean): Promise<void> {
    let cursor: string | null = null
    do {
      const began = performance.now()
      const { runs, next } = await this.#page(query, cursor)
      this.asked.push(performance.now() - began)
      const now = Date.now()
      const unseen = runs.filter((run) => !seen.has(run.run_id))
      for (const run of unseen) seen.set(run.run_id, now - at(run))
      cursor = all || unseen.length > 0 ? next : null
    } while (cursor !== null)
  }

  async #page(query: string, cursor: string | null): Promise<{ runs: readonly ListedRun[]; next: string | null }> {
    const after = cursor === null ? '' : `&after=${encodeURIComponent(cursor)}`
    const { status, body } = await this.#api.call('GET', `/api/v1/runs?limit=${PAGE}&${query}${after}`)
    if (status !== 200) throw new Error(`the list answered ${status}: ${JSON.stringify(body)}; expected 200`)
    return { runs: body.runs as ListedRun[], next: (body.next as string | undefined) ?? null }
  }
}

async function measure(api: ApiClient, rate: number, seconds: number) {
  const one = async (index: number): Promise<void> => {
    const { status } = await api.submit({ flow: 'bench-echo', input: payloadOf(PAYLOAD_BYTES, index) })
    if (status !== 202) throw new Error(`a submission got ${status}; expected 202`)
  }
  await openLoop(one, rate, 3)
  await pause(1_000)
  const watcher = new Watcher(api)
  let over = false
  const watching = (async () => {
    while (!over) {
      await watcher.look()
      await pause(REST_MS)
    }
  })()
  const { runs } = await openLoop(one, rate, seconds)
  for (let waited = 0; watcher.finished.size < runs && waited < LAST_LOOKS_MS; waited += 20) await pause(20)
  over = true
  await watching
  await watcher.look(true)
  const { accepted, finished, asked } = watcher
  if (finished.size < runs) throw new Error(`${finished.size} of ${runs} runs were seen completed; expected all`)
  return {
    runs,
    asked: percentiles(asked),
    accepted: percentiles([...accepted.values()]),
    finished: percentiles([...finished.values()]),
  }
}

async function oneRound(env: NodeJS.ProcessEnv, rate: number, seconds: number) {
  const dataFolder = mkdtempSync(join(tmpdir(), 'beamline-visible-'))
  const beamline = await BeamlineProcess.start({ dataFolder, port: await freePort(), env })
  const api = new ApiClient(beamline.url)
  try {
    await api.publish(FLOW)
    return await measure(api, rate, seconds)
  } finally {
    await api.close()
    await beamline.kill()
    rmSync(dataFolder, { recursive: true, force: true })
  }
}

async function roundsOn(
  database: string,
  env: NodeJS.ProcessEnv,
  asked: { rate: number; seconds: number; rounds: number },
) {
  const rounds: Awaited<ReturnType<typeof oneRound>>[] = []
  for (let number = 1; number <= asked.rounds; number++) {
    const result = await oneRound(env, asked.rate, asked.seconds)
    const { accepted, finished } = result
    progress(
      `  ${database}, round ${number}: visible after p50 ${accepted.p50}, p95 ${accepted.p95} ms; its end after p50 ${finished.p50}, p95 ${finished.p95} ms`,
    )
    rounds.push(result)
  }
  const p95 = (of: 'accepted' | 'finished'): number => median(rounds.map((result) => result[of].p95))
  return { accepted_p95_ms: p95('accepted'), finished_p95_ms: p95('finished'), rounds }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      rate: { type: 'string', default: '500' },
      database: { type: 'string' },
    },
  })
  const asked = {
    rate: Number(values.rate),
    seconds: values.quick ? 5 : 20,
    rounds: Number(values.rounds ?? (values.quick ? 1 : 3)),
  }
  const results: { [database: string]: object } = {}
  if (values.database !== 'postgres') results['sqlite'] = await roundsOn('SQLite', {}, asked)
  if (values.database === 'postgres' || (values.database === undefined && (await findPostgres()) !== null)) {
    const server = await startPostgres({})
    try {
      const env = { BEAMLINE_READ_MODEL_KIND: 'postgres', BEAMLINE_READ_MODEL_URL: server.url }
      results['postgres'] = await roundsOn('Postgres', env, { ...asked, rounds: 1 })
    } finally {
      await server.stop()
    }
  }
  console.log(JSON.stringify({ runs_per_s: asked.rate, ...results }))
}

await main()
