/**
 * Simulates histories from seeds.
 *
 *     npm run simulate -- --seeds 10000 [--from 1] [--threads 2] [--plant no-fencing]
 *     npm run simulate -- --seed 42 [--trace]
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { type BatchResult, type FailedSeed, SeedThreads } from './batch.ts'
import { FAULT_NAMES } from './faults.ts'
import { PLANTS } from './plants/plants.ts'
import { simulate } from './simulation.ts'

const MAX_FAILED = 10

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '2000' },
    from: { type: 'string', default: '1' },
    threads: { type: 'string', default: String(Math.min(4, availableParallelism())) },
    seed: { type: 'string' },
    plant: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
})
const plant = PLANTS.find((one) => one.name === values.plant)
if (values.plant !== undefined && plant === undefined) {
  throw new Error(
    `there is no planted bug '${values.plant}'; expected one of ${PLANTS.map((one) => one.name).join(', ')}`,
  )
}

process.exitCode = values.seed === undefined ? await many() : await one(whole('seed', values.seed))

async function one(seed: number): Promise<number> {
  const trace = values.trace ? { trace: (line: string) => console.log(line) } : {}
  const result = await simulate({ seed, ...trace, ...(plant === undefined ? {} : { plant }) })
  console.log(`seed ${seed}: ${result.steps} steps, ${Math.round(result.virtualMs)} virtual ms, history ${result.hash}`)
  console.log([...result.faults].map(([name, times]) => `${name} ${times}`).join(', '))
  if (result.report !== null) console.log(JSON.stringify(result.report, null, 2))
  for (const problem of result.problems) console.log(`PROBLEM ${problem}`)
  return result.problems.length === 0 ? 0 : 1
}

async function many(): Promise<number> {
  const began = performance.now()
  const request = { from: whole('from', values.from), count: whole('seeds', values.seeds), plant: values.plant ?? null }
  const threads = new SeedThreads(whole('threads', values.threads))
  const result = await threads.run(request, MAX_FAILED)
  await threads.close()
  for (const failed of result.failed) console.log(describeFailure(failed))
  console.log(describeBatch(result))
  const missing = FAULT_NAMES.filter((name) => !result.faults[name])
  if (missing.length > 0) console.log(`never struck: ${missing.join(', ')}`)
  const seconds = (performance.now() - began) / 1000
  console.log(`${result.seeds} seeds, ${result.failed.length} failed, ${result.steps} steps, ${seconds.toFixed(1)} s`)
  return result.failed.length === 0 ? 0 : 1
}

function describeFailure({ seed, steps, problems }: FailedSeed): string {
  const again = `npm run simulate -- --seed ${seed}${plant === undefined ? '' : ` --plant ${plant.name}`} --trace`
  return `seed ${seed} failed after ${steps} steps; again with: ${again}\n  ${problems.join('\n  ')}`
}

function describeBatch({ faults, outcomes }: BatchResult): string {
  const list = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .sort((a, b) => b[1] - a[1])
      .map(([name, times]) => `${name} ${times}`)
      .join(', ')
  return `faults: ${list(faults)}\nruns: ${list(outcomes)}`
}

function whole(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0) throw new Error(`--${name} is '${text}'; expected a whole number`)
  return value
}
