/** Open loop: runs start at fixed instants; latency counts from the instant at which a run should have started. `--log kafka`: beside a broker. */
import { parseArgs } from 'node:util'
import { toJsonText } from '../../schemas/json.ts'
import { openLoop, payloadOf } from '../measure/driver.ts'
import { percentiles, round } from '../measure/statistics.ts'
import { progress } from './child.ts'
import { BenchEngine } from './engine.ts'
import { echoChain } from './flow-documents.ts'
import { newPlace, onLog } from './place.ts'

const PAYLOAD_BYTES = 1024
const STEPS = 3
/** Of this process's own code, not counted. */
const WARM_UP = { rate: 200, seconds: 5 } as const

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      rates: { type: 'string', default: '100,500' },
      log: { type: 'string', default: 'embedded' },
    },
  })
  const seconds = values.quick ? 4 : 20
  const rates = values.rates.split(',').map(Number)
  await onLog(values.log, async (kafka) => {
    await measure(await BenchEngine.start(kafka === null ? undefined : newPlace(kafka).choice), rates, seconds)
  })
}

async function measure(engine: BenchEngine, rates: readonly number[], seconds: number): Promise<void> {
  try {
    const flow = `echo-${STEPS}`
    await engine.publish(flow, echoChain(flow, STEPS))
    const one = (index: number): Promise<unknown> => engine.run(flow, toJsonText(payloadOf(PAYLOAD_BYTES, index)))
    await openLoop(one, WARM_UP.rate, WARM_UP.seconds)
    const results = []
    for (const rate of rates) {
      engine.takeCommitMs()
      const before = await engine.counts()
      const result = await openLoop(one, rate, seconds)
      const after = await engine.counts()
      const { p50, p95, p99 } = result.latency
      progress(`  ${rate} runs/s: p50 ${p50}, p95 ${p95}, p99 ${p99} ms`)
      const cpuUsPerRun = round((after.cpuUs - before.cpuUs) / result.runs)
      const commits = after.commits - before.commits
      results.push({
        rate,
        ...result,
        cpu_us_per_run: cpuUsPerRun,
        commits_per_s: round(commits / result.seconds),
        records_per_commit: round((after.records - before.records) / commits),
        commit: percentiles(engine.takeCommitMs()),
      })
    }
    console.log(
      JSON.stringify({ steps: STEPS, payload_bytes: PAYLOAD_BYTES, durable: true, warm_up: WARM_UP, rates: results }),
    )
  } finally {
    await engine.close()
  }
}

await main()
