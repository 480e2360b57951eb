/**
 * Runs accepted per second by `POST /api/v1/runs/batch` beside single posts, in alternating rounds: batches of 1,000 lines, one connection after another, against
 * 256 connections with one run each. The runs only wait, so that acceptance alone is compared.
 */
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
import { progress } from './child.ts'

const FLOW = 'flow: bench-wait\nsteps:\n  - id: only\n    type: wait\n    with: { for: 24h }\n'
const LINES = 1_000
const WAYS = {
  single: { path: '/api/v1/runs', type: 'application/json', connections: 256, lines: 1 },
  batch: { path: '/api/v1/runs/batch', type: 'application/x-ndjson', connections: 4, lines: LINES },
} as const
type Way = (typeof WAYS)[keyof typeof WAYS]

async function load(url: string, { path, type, connections, lines }: Way, seconds: number): Promise<number> {
  const line = JSON.stringify({ flow: 'bench-wait', input: payloadOf(1024, 0) })
  const result = await autocannon({
    url: `${url}${path}`,
    method: 'POST',
    headers: { 'content-type': type },
    body: Array.from({ length: lines }, () => line).join('\n'),
    connections,
    duration: seconds,
  })
  return Math.round((result['2xx'] * lines) / result.duration)
}

async function rate(way: Way, seconds: number): Promise<number> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'beamline-batch-'))
  const beamline = await BeamlineProcess.start({ dataFolder, port: await freePort() })
  const client = new ApiClient(beamline.url)
  try {
    await client.publish(FLOW)
    await load(beamline.url, way, 1)
    return await load(beamline.url, way, seconds)
  } finally {
    await client.close()
    await beamline.kill()
    rmSync(dataFolder, { recursive: true, force: true })
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' } } })
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3))
  const single: number[] = []
  const batch: number[] = []
  for (let number = 1; number <= rounds; number++) {
    single.push(await rate(WAYS.single, values.quick ? 3 : 8))
    batch.push(await rate(WAYS.batch, values.quick ? 3 : 8))
    progress(`  round ${number}: ${single.at(-1)} runs/s one by one, ${batch.at(-1)} runs/s in batches of ${LINES}`)
  }
  const result = { single_per_s: median(single), batch_per_s: median(batch), lines: LINES, payload_bytes: 1024 }
  console.log(JSON.stringify({ ...result, ratio: round(median(batch) / median(single)), rounds: { single, batch } }))
}

await main()
