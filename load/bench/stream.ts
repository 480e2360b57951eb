/**
 * `GET /api/v1/stream` to 1,000 clients while 500 events a second happen: from what an event tells of to its arrival. Every client must be sent every event, and none be
 * let go. Clients and load are in this process, beside the one that is measured.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { openLoop, payloadOf } from '../measure/driver.ts'
import { processCpuUs } from '../measure/process-cpu.ts'
import { median, percentiles, round } from '../measure/statistics.ts'
import { ApiClient } from '../process/api-client.ts'
import { BeamlineProcess } from '../process/beamline-process.ts'
import { freePort } from '../process/free-ports.ts'
import { progress } from './child.ts'
import { StreamClients } from './stream-clients.ts'

const FLOW = 'flow: bench-echo\nsteps:\n  - id: only\n    type: echo\n    with: "${input}"\n'
const EVENTS_OF_A_RUN = 4
const PAYLOAD_BYTES = 1024
const LAST_EVENTS_MS = 10_000

interface Asked {
  readonly clients: number
  readonly eventsPerSecond: number
  readonly seconds: number
}

async function measure({ url, child }: BeamlineProcess, { clients, eventsPerSecond, seconds }: Asked) {
  const api = new ApiClient(url)
  const begun = performance.now()
  const streams = await StreamClients.open(url, clients)
  const openedMs = performance.now() - begun
  try {
    const one = async (index: number): Promise<void> => {
      const { status } = await api.submit({ flow: 'bench-echo', input: payloadOf(PAYLOAD_BYTES, index) })
      if (status !== 202) throw new Error(`a submission got ${status}; expected 202`)
    }
    const rate = eventsPerSecond / EVENTS_OF_A_RUN
    const warm = await openLoop(one, rate, 2)
    await allHave(streams, warm.runs)
    streams.latencies.length = 0
    const [bytesBefore, cpuBefore] = [streams.bytes, processCpuUs(child.pid!)]
    const { runs } = await openLoop(one, rate, seconds)
    await allHave(streams, warm.runs + runs)
    return {
      opened_ms: Math.round(openedMs),
      runs,
      cores: round((processCpuUs(child.pid!) - cpuBefore) / 1e6 / seconds),
      mib_per_s: (streams.bytes - bytesBefore) / 2 ** 20 / seconds,
      latencies: [...streams.latencies],
    }
  } finally {
    streams.close()
    await api.close()
  }
}

/** @throws unless every client has had every event of the runs in the end, and each once */
async function allHave(streams: StreamClients, runs: number): Promise<void> {
  // one frame greets
  const expected = 1 + runs * EVENTS_OF_A_RUN
  const others = (): number => streams.frames.filter((frames) => frames !== expected).length
  for (let waited = 0; others() > 0 && waited < LAST_EVENTS_MS; waited += 50) await pause(50)
  if (others() === 0 && streams.gone === 0) return
  const found = `${Math.min(...streams.frames)} to ${Math.max(...streams.frames)}`
  throw new Error(
    `${others()} of ${streams.frames.length} clients have ${found} frames; expected ${expected}. ${streams.gone} were let go`,
  )
}

async function oneRound(asked: Asked) {
  const dataFolder = mkdtempSync(join(tmpdir(), 'beamline-stream-'))
  const beamline = await BeamlineProcess.start({ dataFolder, port: await freePort() })
  const api = new ApiClient(beamline.url)
  try {
    await api.publish(FLOW)
    return await measure(beamline, asked)
  } finally {
    await api.close()
    await beamline.kill()
    rmSync(dataFolder, { recursive: true, force: true })
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      clients: { type: 'string', default: '1000' },
      events: { type: 'string', default: '500' },
    },
  })
  const asked = {
    clients: Number(values.clients),
    eventsPerSecond: Number(values.events),
    seconds: values.quick ? 5 : 30,
  }
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3))
  const measured = []
  for (let number = 1; number <= rounds; number++) {
    const { latencies, opened_ms, mib_per_s, runs, cores } = await oneRound(asked)
    const latency = percentiles(latencies)
    progress(
      `  round ${number}: ${asked.clients} clients open after ${opened_ms} ms; p50 ${latency.p50}, p95 ${latency.p95}, p99 ${latency.p99} ms, ${round(mib_per_s)} MiB/s, ${cores} cores of Beamline`,
    )
    measured.push({ opened_ms, runs, cores, mib_per_s: round(mib_per_s), latency })
  }
  const p95 = median(measured.map(({ latency }) => latency.p95))
  console.log(
    JSON.stringify({ clients: asked.clients, events_per_s: asked.eventsPerSecond, p95_ms: p95, rounds: measured }),
  )
}

await main()
