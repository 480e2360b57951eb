/** Closed loop: a fixed number of runs in flight. `--steps N` measures one flow and prints the result as the peers do. */
import { parseArgs } from 'node:util'
import { toJsonText } from '../../schemas/json.ts'
import { closedLoop, type LoadResult, payloadOf } from '../measure/driver.ts'
import { round } from '../measure/statistics.ts'
import { progress } from './child.ts'
import { BenchEngine } from './engine.ts'
import { echoChain } from './flow-documents.ts'

const PAYLOAD_BYTES = 1024

interface ClosedResult extends LoadResult {
  readonly steps: number
  readonly steps_per_s: number
  readonly cpu_us_per_run: number
  readonly records_per_run: number
  readonly commits_per_run: number
  readonly rss_mb: number
}

async function measure(steps: number, runs: number, inFlight: number): Promise<ClosedResult> {
  const engine = await BenchEngine.start()
  try {
    const flow = `echo-${steps}`
    await engine.publish(flow, echoChain(flow, steps))
    const one = (index: number): Promise<void> => engine.run(flow, toJsonText(payloadOf(PAYLOAD_BYTES, index)))
    await closedLoop(one, Math.ceil(runs / 5), inFlight)
    const before = await engine.counts()
    const result = await closedLoop(one, runs, inFlight)
    const after = await engine.counts()
    return {
      steps,
      ...result,
      steps_per_s: round(result.runs_per_s * steps),
      cpu_us_per_run: round((after.cpuUs - before.cpuUs) / runs),
      records_per_run: round((after.records - before.records) / runs),
      commits_per_run: round((after.commits - before.commits) / runs),
      rss_mb: Math.round(process.memoryUsage.rss() / 2 ** 20),
    }
  } finally {
    await engine.close()
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      steps: { type: 'string' },
      runs: { type: 'string' },
      'in-flight': { type: 'string', default: '64' },
    },
  })
  const inFlight = Number(values['in-flight'])
  const runs = Number(values.runs ?? (values.quick ? 5_000 : 30_000))
  if (values.steps !== undefined) {
    console.log(JSON.stringify({ system: 'beamline', ...(await measure(Number(values.steps), runs, inFlight)) }))
    return
  }
  const flows: ClosedResult[] = []
  for (const steps of [1, 3, 10]) {
    const measured = await measure(steps, Math.ceil(steps === 10 ? runs / 3 : runs), inFlight)
    const { p50, p99 } = measured.latency
    progress(
      `  ${steps} step${steps === 1 ? '' : 's'}: ${measured.runs_per_s} runs/s, ${measured.steps_per_s} steps/s, p50 ${p50}, p99 ${p99} ms`,
    )
    flows.push(measured)
  }
  console.log(JSON.stringify({ in_flight: inFlight, payload_bytes: PAYLOAD_BYTES, durable: true, flows }))
}

await main()
