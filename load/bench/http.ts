/**
 * `POST /api/v1/runs` accepted per second, beside bare Fastify with the same body, each round between two of bare Fastify; the load comes from this process. Once with runs
 * that are executed to their end meanwhile by the same process, once with runs that only wait, which is the cost of acceptance alone.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import autocannon from 'autocannon'
import { payloadOf } from '../measure/driver.ts'
import { median, round } from '../measure/statistics.ts'
import { ApiClient } from '../process/api-client.ts'
import { BeamlineProcess } from '../process/beamline-process.ts'
import { freePort } from '../process/free-ports.ts'
import { nodeFlags } from '../process/node-flags.ts'
import { begun } from './begun.ts'
import { progress } from './child.ts'

/** Enough that neither side waits for the other: throughput, not the latency of a group commit, is compared. */
const CONNECTIONS = 256
const FLOWS = {
  'bench-echo': 'flow: bench-echo\nsteps:\n  - id: only\n    type: echo\n    with: "${input}"\n',
  'bench-wait': 'flow: bench-wait\nsteps:\n  - id: only\n    type: wait\n    with: { for: 24h }\n',
} as const
type FlowName = keyof typeof FLOWS

/** Seconds. Each side is given the time that its code takes to be compiled: Beamline's has more of it. */
interface Times {
  readonly seconds: number
  readonly warmUp: number
}

interface Sample {
  readonly accepted_per_s: number
  readonly refused: number
  readonly p50_ms: number
  readonly p99_ms: number
}

/** Connections are opened in the first second, which is not counted. */
async function load(url: string, flow: FlowName, seconds: number): Promise<Sample> {
  const answers: number[] = []
  const result = await autocannon({
    url: `${url}/api/v1/runs`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ flow, input: payloadOf(1024, 0) }),
    connections: CONNECTIONS,
    duration: seconds + 1,
  }).on('tick', ({ counter }) => answers.push(counter))
  const counted = answers.slice(1, seconds + 1).reduce((sum, each) => sum + each, 0)
  const accepted = counted * (result['2xx'] / (result['2xx'] + result.non2xx))
  return {
    accepted_per_s: Math.round(accepted / seconds),
    refused: result.non2xx + result.errors,
    p50_ms: result.latency.p50,
    p99_ms: result.latency.p99,
  }
}

async function beamlineRound(flow: FlowName, { seconds, warmUp }: Times): Promise<Sample> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'beamline-http-'))
  const beamline = await BeamlineProcess.start({ dataFolder, port: await freePort() })
  const client = new ApiClient(beamline.url)
  try {
    for (const document of Object.values(FLOWS)) await client.publish(document)
    // runs that are over before the measurement, whichever are measured
    await load(beamline.url, 'bench-echo', warmUp)
    await begun(client)
    return await load(beamline.url, flow, seconds)
  } finally {
    await client.close()
    await beamline.kill()
    rmSync(dataFolder, { recursive: true, force: true })
  }
}

async function fastifyRound({ seconds, warmUp }: Times): Promise<Sample> {
  const script = new URL('bare-fastify.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [...nodeFlags(), script], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [port] = (await once(child.stdout, 'data')) as [Buffer]
    const url = `http://127.0.0.1:${port.toString().trim()}`
    await load(url, 'bench-echo', warmUp)
    return await load(url, 'bench-echo', seconds)
  } finally {
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' } } })
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3))
  const times = values.quick ? { seconds: 3, warmUp: 1 } : { seconds: 8, warmUp: 5 }
  const executed: Sample[] = []
  const waiting: Sample[] = []
  const bare: Sample[] = [await fastifyRound(times)]
  for (let number = 1; number <= rounds; number++) {
    executed.push(await beamlineRound('bench-echo', times))
    bare.push(await fastifyRound(times))
    waiting.push(await beamlineRound('bench-wait', times))
    bare.push(await fastifyRound(times))
    const [echo, wait] = [executed, waiting].map((samples) => samples.at(-1)!.accepted_per_s)
    const yardsticks = bare.slice(-3).map((sample) => sample.accepted_per_s)
    progress(
      `  round ${number}: ${echo} accepted/s and executed, ${wait}/s that wait, bare Fastify ${yardsticks.join(', ')}/s`,
    )
  }
  const rate = (samples: readonly Sample[]): number => median(samples.map((sample) => sample.accepted_per_s))
  // beside the bare rounds before and after it: a shared host may be half as fast from one minute to the next
  const ratio = (samples: readonly Sample[], first: number): number =>
    round(
      median(
        samples.map(({ accepted_per_s: accepted }, index) => {
          const at = 2 * index + first
          return (2 * accepted) / (bare[at]!.accepted_per_s + bare[at + 1]!.accepted_per_s)
        }),
      ),
    )
  console.log(
    JSON.stringify({
      warm_up_s: times.warmUp,
      connections: CONNECTIONS,
      payload_bytes: 1024,
      bare_fastify_per_s: rate(bare),
      executed_per_s: rate(executed),
      waiting_per_s: rate(waiting),
      ratio_executed: ratio(executed, 0),
      ratio_waiting: ratio(waiting, 1),
      rounds: { bare, executed, waiting },
    }),
  )
}

await main()
