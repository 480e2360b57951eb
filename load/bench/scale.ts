/** The same closed loop on one, two and four processes. With the broker they share the cores of this machine: more processes are no more machine. */
import { parseArgs } from 'node:util'
import { closedLoop } from '../measure/driver.ts'
import { round } from '../measure/statistics.ts'
import { progress } from './child.ts'
import { Fleet } from './fleet.ts'
import { type BenchKafka, withKafka } from './place.ts'

const IN_FLIGHT = 128

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' } } })
  const runs = values.quick ? 3_000 : 10_000
  await withKafka(async (kafka) => {
    const results = []
    for (const processes of [1, 2, 4]) {
      const result = await measure(kafka, processes, runs)
      progress(
        `  ${processes} process${processes === 1 ? '' : 'es'}: ${result.runs_per_s} runs/s, p50 ${result.latency.p50} ms`,
      )
      results.push({ processes, ...result })
    }
    const ratio = round(results.at(-1)!.runs_per_s / results[0]!.runs_per_s)
    console.log(JSON.stringify({ steps: 3, in_flight: IN_FLIGHT, ratio_of_4_to_1: ratio, results }))
  })
}

async function measure(kafka: BenchKafka, processes: number, runs: number) {
  const fleet = await Fleet.start(kafka, processes)
  try {
    const one = (index: number): Promise<number> => fleet.run(index)
    await closedLoop(one, Math.ceil(runs / 3), IN_FLIGHT)
    return await closedLoop(one, runs, IN_FLIGHT)
  } finally {
    await fleet.close()
  }
}

await main()
