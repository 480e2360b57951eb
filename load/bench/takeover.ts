/**
 * Two processes under a steady load, one of which is killed with -9. Takeover is complete once every partition has ended a run that was submitted after the
 * kill, and every run that was under way at the kill has ended.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { median, round } from '../measure/statistics.ts'
import { progress } from './child.ts'
import { type Completion, Fleet, PARTITIONS } from './fleet.ts'
import { type BenchKafka, withKafka } from './place.ts'

const RATE = 100
const BEFORE_MS = 5_000
const AFTER_MS = 12_000
const SESSION_TIMEOUT_S = 6

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' } } })
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3))
  await withKafka(async (kafka) => {
    const results: Awaited<ReturnType<typeof measure>>[] = []
    for (let number = 1; number <= rounds; number++) {
      const result = await measure(kafka)
      progress(
        `  round ${number}: every partition goes on after ${result.partitions_s} s, runs under way have ended after ${result.under_way_s} s`,
      )
      results.push(result)
    }
    const medianOf = (name: 'partitions_s' | 'under_way_s'): number => round(median(results.map((each) => each[name])))
    const all = { partitions_s: medianOf('partitions_s'), under_way_s: medianOf('under_way_s') }
    console.log(JSON.stringify({ session_timeout_s: SESSION_TIMEOUT_S, rate: RATE, ...all, rounds: results }))
  })
}

async function measure(kafka: BenchKafka) {
  const fleet = await Fleet.start(kafka, 2)
  try {
    const load = fleet.load(RATE)
    await pause(BEFORE_MS)
    const killedMs = performance.now()
    await fleet.workers[0]!.kill()
    await pause(AFTER_MS)
    const ends = await load.stop()
    const before = ends.filter(({ dueMs }) => dueMs <= killedMs)
    const after = ends.filter(({ dueMs }) => dueMs > killedMs)
    return {
      partitions_s: round((Math.max(...firstEnds(after)) - killedMs) / 1000),
      under_way_s: round((Math.max(...before.map(({ endedMs }) => endedMs)) - killedMs) / 1000),
      runs: ends.length,
    }
  } finally {
    await fleet.close()
  }
}

function firstEnds(ends: readonly Completion[]): readonly number[] {
  return Array.from({ length: PARTITIONS }, (_, number) =>
    Math.min(...ends.filter(({ partition }) => partition === number).map(({ endedMs }) => endedMs)),
  )
}

await main()
