/**
 * Runs accepted per second by `POST /api/v1/runs/batch` beside single posts, in alternating rounds: batches of 1,000 lines over four connections, against
 * 256 connections with one run each. Both ways bring the same number of runs, few enough that the backlog stays where intake goes first (below half its bound), and nothing is
 * left to be begun when they start; the runs only wait. So acceptance alone is compared: for as many seconds instead, batches would bring so many
 * more runs that the process takes time from them to begin runs. `cpu_us` is what a run costs the process, which others on the machine change less than its rate.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import autocannon from 'autocannon'
import { payloadOf } from '../measure/driver.ts'
import { processCpuUs } from '../measure/process-cpu.ts'
import { median, round } from '../measure/statistics.ts'
import { ApiClient } from '../process/api-client.ts'
import { BeamlineProcess } from '../process/beamline-process.ts'
import { freePort } from '../process/free-ports.ts'
import { begun } from './begun.ts'
import { progress } from './child.ts'

const FLOW = 'flow: bench-wait\nsteps:\n  - id: only\n    type: wait\n    with: { for: 24h }\n'
const LINES = 1_000
const RUNS = 120_000
const QUICK_RUNS = 30_000
const WARM_UP_RUNS = 20_000
const WAYS = {
  single: { path: '/api/v1/runs', type: 'application/json', connections: 256, lines: 1 },
  batch: { path: '/api/v1/runs/batch', type: 'application/x-ndjson', connections: 4, lines: LINES },
} as const
type Way = (typeof WAYS)[keyof typeof WAYS]

interface Sample {
  readonly perSecond: number
  readonly cpuUs: number
}

/** @throws if a request was refused */
async function load({ url, child }: BeamlineProcess, way: Way, runs: number): Promise<Sample> {
  const { path, type, connections, lines } = way
  const line = JSON.stringify({ flow: 'bench-wait', input: payloadOf(1024, 0) })
  const before = processCpuUs(child.pid!)
  const result = await autocannon({
    url: `${url}${path}`,
    method: 'POST',
    headers: { 'content-type': type },
    body: Array.from({ length: lines }, () => line).join('\n'),
    connections,
    amount: runs / lines,
    timeout: 60,
  })
  const refused = result.non2xx + result.errors
  if (refused > 0) throw new Error(`${refused} of ${runs / lines} requests were refused or broken; expected none`)
  const accepted = result['2xx'] * lines
  return {
    perSecond: Math.round(accepted / result.duration),
    cpuUs: round((processCpuUs(child.pid!) - before) / accepted),
  }
}

async function sample(way: Way, runs: number): Promise<Sample> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'beamline-batch-'))
  const beamline = await BeamlineProcess.start({ dataFolder, port: await freePort() })
  const client = new ApiClient(beamline.url)
  try {
    await client.publish(FLOW)
    await load(beamline, way, WARM_UP_RUNS)
    await begun(client)
    return await load(beamline, way, runs)
  } finally {
    await client.close()
    await beamline.kill()
    rmSync(dataFolder, { recursive: true, force: true })
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' } } })
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3))
  const runs = values.quick ? QUICK_RUNS : RUNS
  const single: Sample[] = []
  const batch: Sample[] = []
  for (let number = 1; number <= rounds; number++) {
    single.push(await sample(WAYS.single, runs))
    batch.push(await sample(WAYS.batch, runs))
    const [one, many] = [single.at(-1)!, batch.at(-1)!]
    progress(
      `  round ${number}: ${one.perSecond} runs/s one by one (${one.cpuUs} us of CPU each), ${many.perSecond} runs/s in batches of ${LINES} (${many.cpuUs} us)`,
    )
  }
  const middle = (samples: readonly Sample[], of: keyof Sample): number => median(samples.map((each) => each[of]))
  console.log(
    JSON.stringify({
      single_per_s: middle(single, 'perSecond'),
      batch_per_s: middle(batch, 'perSecond'),
      ratio: round(median(batch.map(({ perSecond }, index) => perSecond / single[index]!.perSecond))),
      single_cpu_us: middle(single, 'cpuUs'),
      batch_cpu_us: middle(batch, 'cpuUs'),
      lines: LINES,
      runs,
      payload_bytes: 1024,
      rounds: { single, batch },
    }),
  )
}

await main()
