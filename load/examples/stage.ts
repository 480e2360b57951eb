/** Everything an example runs on: a temporary folder, the stand-ins it starts, Beamline as a process of its own, a client. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseDocument } from 'yaml'
import { type AnswerOf, type Api, ApiError, type Client, createClient } from '../../gateway/client/client.ts'
import { BeamlineProcess } from '../process/beamline-process.ts'
import { freePort } from '../process/free-ports.ts'
import { StandIn } from './stand-in.ts'

export type Run = AnswerOf<Api['getRun']>
export type RunOf<O> = Omit<Run, 'output'> & { readonly output: O }

interface Variables {
  readonly [name: string]: string
}

/** A submission without what the stage adds. */
export interface Order {
  readonly flow: string
  readonly input: unknown
  readonly idempotency_key?: string
}

const DOCS = new URL('../../docs/examples/', import.meta.url)
const RUNS_WITHIN_MS = 300_000
const POLL_MS = 50
const ENDED: readonly string[] = ['completed', 'failed', 'cancelled', 'timed_out']

export class Stage {
  readonly name: string
  /** Temporary; removed at the end. */
  readonly folder: string
  readonly say: (text: string) => void
  readonly #env: NodeJS.ProcessEnv
  readonly #standIns: StandIn[] = []
  #options: { readonly port: number; readonly env: NodeJS.ProcessEnv } | null = null
  #beamline: BeamlineProcess | null = null
  #client: Client | null = null

  private constructor(name: string, say: (text: string) => void, env: NodeJS.ProcessEnv) {
    this.name = name
    this.say = say
    this.#env = env
    this.folder = mkdtempSync(join(tmpdir(), `beamline-${name}-`))
  }

  static open(name: string, say: (text: string) => void, env: NodeJS.ProcessEnv): Stage {
    return new Stage(name, say, env)
  }

  /** A file of the example's folder in `docs/examples`. */
  file(name: string): URL {
    return new URL(`${this.name}/${name}`, DOCS)
  }

  text(name: string): string {
    return readFileSync(this.file(name), 'utf8')
  }

  data<T>(name: string): T {
    return JSON.parse(this.text(name)) as T
  }

  /** Values of a file with one in JSON on each line. */
  lines<T>(name: string): readonly T[] {
    const lines = this.text(name).split('\n')
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as T)
  }

  /** `script` is told from the folder of the runner. */
  async standIn(what: string, script: string, args: readonly string[] = []): Promise<StandIn> {
    const standIn = await StandIn.start(new URL(script, import.meta.url), args)
    this.#standIns.push(standIn)
    this.say(`${what} listens on ${standIn.url}`)
    return standIn
  }

  /** Starts Beamline with these variables. */
  async start(env: Variables = {}): Promise<void> {
    this.#options = { port: await freePort(), env: { BEAMLINE_EXAMPLES: 'false', ...env, ...this.#env } }
    await this.#run()
    this.say(`Beamline listens on ${this.url}`)
  }

  /** kill -9, and a new process on the same folder. */
  async killAndRestart(): Promise<void> {
    await this.#beamline!.kill()
    await this.#run()
  }

  async #run(): Promise<void> {
    this.#beamline = await BeamlineProcess.start({ dataFolder: this.dataFolder, ...this.#options! })
    this.#client = createClient({ url: this.url })
  }

  get dataFolder(): string {
    return join(this.folder, 'data')
  }

  get url(): string {
    return this.#beamline!.url
  }

  /** The last part of what Beamline has printed, if it has ended by itself; else nothing. */
  get lastWords(): string {
    const beamline = this.#beamline
    return beamline === null || beamline.running ? '' : beamline.output
  }

  get client(): Client {
    return this.#client!
  }

  /** Publishes a flow of the example's folder. `vars` take the place of those in the document, whose addresses are not those of today. */
  async publish(file: string, vars: Variables = {}): Promise<void> {
    const document = parseDocument(this.text(file))
    for (const [name, value] of Object.entries(vars)) document.setIn(['vars', name], value)
    const { flow, version } = await this.client.publishFlow({ body: String(document) })
    this.say(`published ${flow} version ${version} (docs/examples/${this.name}/${file})`)
  }

  /** Submits all of them at once and waits for their ends. The runs come in the same order. */
  async runAll<O>(orders: readonly Order[]): Promise<readonly RunOf<O>[]> {
    const answers = await this.client.submitRuns({ body: orders as readonly never[] })
    const ids = answers.map((answer) => {
      if (answer.status === 'accepted') return answer.run_id
      throw new Error(`line ${answer.line} was refused: ${JSON.stringify(answer.error)}`)
    })
    return Promise.all(ids.map((id) => this.ended<O>(id)))
  }

  async run<O>(order: Order): Promise<RunOf<O>> {
    const [run] = await this.runAll<O>([order])
    return run!
  }

  /** Waits for the end of a run. @throws {Error} after five minutes */
  async ended<O>(runId: string): Promise<RunOf<O>> {
    return this.eventually(`run ${runId} has ended`, async () => {
      const run = await this.find(runId)
      return run !== null && ENDED.includes(run.status) ? (run as RunOf<O>) : null
    })
  }

  /** `null` while it is not visible yet. */
  async find(runId: string): Promise<Run | null> {
    try {
      return await this.client.getRun({ params: { run_id: runId } })
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return null
      throw error
    }
  }

  /** Asks until the answer is not `null`. @throws {Error} after five minutes */
  async eventually<T>(what: string, ask: () => Promise<T | null>): Promise<T> {
    for (const until = performance.now() + RUNS_WITHIN_MS; performance.now() < until; await pause(POLL_MS)) {
      const answer = await ask()
      if (answer !== null) return answer
    }
    throw new Error(`expected within ${RUNS_WITHIN_MS / 1000} s that ${what}`)
  }

  /** Replays the open letters of a flow, with a patch of their inputs where one is given, and waits for the ends of the new runs. */
  async replay<O>(flow: string, reason: string, patch?: object): Promise<readonly RunOf<O>[]> {
    const open = await this.letters(flow, 'open')
    const ids = open.map(({ letter_id }) => letter_id)
    const given = patch === undefined ? {} : { patch: patch as never }
    await this.client.replayLetters({ body: { filter: { letter_ids: ids }, reason, ...given } })
    const replayed = await this.eventually('the letters are replayed', async () => {
      const letters = (await this.letters(flow, 'replayed')).filter(({ letter_id }) => ids.includes(letter_id))
      return letters.length === ids.length ? letters : null
    })
    return Promise.all(replayed.map(({ new_run_id }) => this.ended<O>(new_run_id!)))
  }

  async letters(flow: string, status: 'open' | 'replayed') {
    return (await this.client.listLetters({ query: { flow, status } })).letters
  }

  async close(): Promise<void> {
    await this.#beamline?.stop()
    await Promise.all(this.#standIns.map((standIn) => standIn.stop()))
    rmSync(this.folder, { recursive: true, force: true })
  }
}
