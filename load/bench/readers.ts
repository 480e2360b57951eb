/**
 * What readers cost the engine: a closed loop of 64 runs in flight, in alternation without readers and with them. Readers are a process of their own: some follow what
 * happens to one flow, which all the while is run at a steady rate of about 500 events a second (or, with `--follow all`, every event of the loop too), and lists are asked for. The gateway and the read model are part of the measured process in both. `cpu_ratio` compares what a run costs the thread that decides,
 * which others on the machine do not change.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { startBeamline } from '../../main.ts'
import { toJsonText } from '../../schemas/json.ts'
import { closedLoop, payloadOf } from '../measure/driver.ts'
import { median, round } from '../measure/statistics.ts'
import { freePort } from '../process/free-ports.ts'
import { progress } from './child.ts'
import { BenchClient } from './client.ts'
import { echoChain } from './flow-documents.ts'

const FLOW = 'echo-3'
/** The flow that is followed: four or five events a run. */
const WATCHED = 'echo-1'
const WATCHED_PER_S = 110
const STEPS = 3
const IN_FLIGHT = 64
const PAYLOAD_BYTES = 1024

interface Asked {
  readonly runs: number
  readonly rounds: number
  readonly clients: number
  readonly perSecond: number
  /** Of the stream. */
  readonly query: string
}

interface ReadersReport {
  readonly asked: number
  readonly refused: readonly string[]
  readonly answered: { readonly p95: number }
  readonly events: number
  readonly let_go: number
}

class Readers {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  private constructor(url: string, { clients, perSecond, query }: Asked) {
    const script = new URL('reading.ts', import.meta.url).pathname
    this.#child = spawn(process.execPath, [script, url, String(clients), String(perSecond), query], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, NODE_NO_WARNINGS: '1' },
    })
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]()
  }

  static async start(url: string, asked: Asked): Promise<Readers> {
    const readers = new Readers(url, asked)
    await readers.#line()
    return readers
  }

  /** @throws if a question was refused or a client was let go */
  async stop(): Promise<ReadersReport> {
    const exited = once(this.#child, 'exit')
    this.#child.stdin!.end()
    const report = JSON.parse(await this.#line()) as ReadersReport
    await exited
    const { refused, let_go: letGo } = report
    if (refused.length > 0) throw new Error(`${refused.length} questions were not answered; the first: ${refused[0]}`)
    if (letGo > 0) throw new Error(`${letGo} clients of the stream were let go; expected none`)
    return report
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#lines.next()
    if (done === true) throw new Error('the readers have ended')
    return value
  }
}

async function measure(url: string, client: BenchClient, asked: Asked) {
  const one = (index: number): Promise<unknown> => client.run(FLOW, toJsonText(payloadOf(PAYLOAD_BYTES, index)))
  const loop = async () => {
    const before = process.threadCpuUsage()
    const { runs_per_s: runsPerSecond } = await closedLoop(one, asked.runs, IN_FLIGHT)
    const { user, system } = process.threadCpuUsage(before)
    return { runsPerSecond, cpuUs: round((user + system) / asked.runs) }
  }
  await loop()
  const rounds = []
  for (let number = 1; number <= asked.rounds; number++) {
    const alone = await loop()
    const readers = await Readers.start(url, asked)
    const beside = await loop()
    const { answered, asked: questions, events } = await readers.stop()
    const ratio = round(beside.runsPerSecond / alone.runsPerSecond)
    const cpuRatio = round(alone.cpuUs / beside.cpuUs)
    progress(
      `  round ${number}: ${alone.runsPerSecond} runs/s alone, ${beside.runsPerSecond} beside readers, ratio ${ratio}, by CPU ${cpuRatio}; lists p95 ${answered.p95} ms`,
    )
    rounds.push({ alone, beside, ratio, cpuRatio, questions, events, lists_p95_ms: answered.p95 })
  }
  return rounds
}

/** Runs of the watched flow, until it is called. */
function runSteadily(client: BenchClient): () => Promise<void> {
  const begun: Promise<unknown>[] = []
  const input = toJsonText(payloadOf(PAYLOAD_BYTES, 0))
  const timer = setInterval(() => begun.push(client.run(WATCHED, input)), 1000 / WATCHED_PER_S)
  return async () => {
    clearInterval(timer)
    await Promise.all(begun)
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      clients: { type: 'string', default: '100' },
      follow: { type: 'string', default: 'flow' },
      questions: { type: 'string', default: '20' },
    },
  })
  const asked = {
    runs: values.quick ? 5_000 : 15_000,
    rounds: Number(values.rounds ?? (values.quick ? 2 : 5)),
    clients: Number(values.clients),
    perSecond: Number(values.questions),
    query: values.follow === 'all' ? '' : `?flow=${WATCHED}`,
  }
  const dataFolder = mkdtempSync(join(tmpdir(), 'beamline-readers-'))
  const node = await startBeamline({ dataFolder, port: await freePort() })
  const client = new BenchClient(node.log)
  try {
    await client.publish(FLOW, echoChain(FLOW, STEPS))
    await client.publish(WATCHED, echoChain(WATCHED, 1))
    const stop = runSteadily(client)
    const rounds = await measure(node.url!, client, asked)
    await stop()
    const ratio = median(rounds.map((result) => result.ratio))
    const cpuRatio = median(rounds.map((result) => result.cpuRatio))
    const { clients: followers, perSecond: questions_per_s } = asked
    console.log(
      JSON.stringify({
        followers,
        follow: values.follow,
        questions_per_s,
        steps: STEPS,
        ratio,
        cpu_ratio: cpuRatio,
        rounds,
      }),
    )
  } finally {
    await client.close()
    await node.close()
    rmSync(dataFolder, { recursive: true, force: true })
  }
}

await main()
