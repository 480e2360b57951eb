/** `POST /api/v1/runs` accepted per second, beside bare Fastify with the same body, in alternating rounds; the load comes from this process. */
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
import { freePort } from '../process/free-port.ts'
import { progress } from './child.ts'

const CONNECTIONS = 64
// biome-ignore lint/suspicious/noTemplateCurlyInString: Beamline's own template
const FLOW = 'flow: bench-echo\nsteps:\n  - id: only\n    type: echo\n    with: "${input}"\n'

interface Sample {
  readonly accepted_per_s: number
  readonly refused: number
  readonly p50_ms: number
  readonly p99_ms: number
}

async function load(url: string, seconds: number): Promise<Sample> {
  const result = await autocannon({
    url: `${url}/api/v1/runs`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ flow: 'bench-echo', input: payloadOf(1024, 0) }),
    connections: CONNECTIONS,
    duration: seconds,
  })
  return {
    accepted_per_s: Math.round(result['2xx'] / result.duration),
    refused: result.non2xx + result.errors,
    p50_ms: result.latency.p50,
    p99_ms: result.latency.p99,
  }
}

async function beamlineRound(seconds: number): Promise<Sample> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'beamline-http-'))
  const beamline = await BeamlineProcess.start({ dataFolder, port: await freePort() })
  const client = new ApiClient(beamline.url)
  try {
    await client.publish(FLOW)
    await load(beamline.url, 1)
    return await load(beamline.url, seconds)
  } finally {
    await client.close()
    await beamline.kill()
    rmSync(dataFolder, { recursive: true, force: true })
  }
}

async function fastifyRound(seconds: number): Promise<Sample> {
  const script = new URL('bare-fastify.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const [port] = (await once(child.stdout, 'data')) as [Buffer]
    const url = `http://127.0.0.1:${port.toString().trim()}`
    await load(url, 1)
    return await load(url, seconds)
  } finally {
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' } } })
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3))
  const seconds = values.quick ? 3 : 8
  const beamline: Sample[] = []
  const bare: Sample[] = []
  for (let number = 1; number <= rounds; number++) {
    bare.push(await fastifyRound(seconds))
    beamline.push(await beamlineRound(seconds))
    const [last, yardstick] = [beamline.at(-1)!, bare.at(-1)!]
    progress(
      `  round ${number}: ${last.accepted_per_s} accepted/s (${last.refused} refused), bare Fastify ${yardstick.accepted_per_s}/s`,
    )
  }
  const rate = (samples: readonly Sample[]): number => median(samples.map((sample) => sample.accepted_per_s))
  const ratio = round(rate(beamline) / rate(bare))
  console.log(
    JSON.stringify({
      connections: CONNECTIONS,
      payload_bytes: 1024,
      accepted_per_s: rate(beamline),
      bare_fastify_per_s: rate(bare),
      ratio,
      beamline,
      bare,
    }),
  )
}

await main()
