/** Three processes under a steady load are stopped (SIGTERM) and started again, one after the other: the longest time without an end of a run. */
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { percentiles, round } from '../measure/statistics.ts'
import { progress } from './child.ts'
import { Fleet, longestGaps } from './fleet.ts'
import { withKafka } from './place.ts'

const PROCESSES = 3
const RATE = 100
const SETTLE_MS = 3_000

async function main(): Promise<void> {
  parseArgs({ options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' } } })
  await withKafka(async (kafka) => {
    const fleet = await Fleet.start(kafka, PROCESSES)
    try {
      const load = fleet.load(RATE)
      await pause(SETTLE_MS)
      const fromMs = performance.now()
      const stops: number[] = []
      for (const worker of fleet.workers.slice()) {
        const began = performance.now()
        await worker.stop()
        stops.push(round((performance.now() - began) / 1000))
        await fleet.add()
        await pause(SETTLE_MS)
      }
      const toMs = performance.now()
      const ends = await load.stop()
      const gaps = longestGaps(ends, fromMs, toMs)
      const latency = percentiles(ends.map(({ dueMs, endedMs }) => endedMs - dueMs))
      progress(
        `  longest time without an end: ${round(gaps.all)} s, within one partition ${round(gaps.partition)} s; p99 of runs ${latency.p99} ms`,
      )
      const result = {
        processes: PROCESSES,
        rate: RATE,
        gap_s: round(gaps.all),
        partition_gap_s: round(gaps.partition),
      }
      console.log(JSON.stringify({ ...result, stop_s: stops, runs: ends.length, latency }))
    } finally {
      await fleet.close()
    }
  })
}

await main()
