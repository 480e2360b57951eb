/** Beamline and its peers on the same three-step run, in alternating rounds; the ratios are of medians over the rounds. */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { median, round } from '../measure/statistics.ts'
import { progress, runScript } from './child.ts'

interface Contender {
  readonly name: string
  readonly file: string
  readonly args: readonly string[]
  /** Runs per round, so that a round takes some seconds. */
  readonly runs: number
}

interface Measured {
  readonly runs_per_s: number
  readonly latency: { readonly p50: number; readonly p99: number }
}

const path = (file: string): string => new URL(file, import.meta.url).pathname
const bullmq = path('../peers/bullmq.ts')
const restate = path('../peers/restate.ts')

const CONTENDERS: readonly Contender[] = [
  { name: 'beamline', file: path('closed.ts'), args: ['--steps', '3'], runs: 20_000 },
  { name: 'bullmq-everysec', file: bullmq, args: ['--variant', 'everysec'], runs: 10_000 },
  { name: 'bullmq-always', file: bullmq, args: ['--variant', 'always'], runs: 6_000 },
  { name: 'restate-run', file: restate, args: ['--variant', 'run'], runs: 4_000 },
  { name: 'restate-call', file: restate, args: ['--variant', 'call'], runs: 1_500 },
  { name: 'dbos', file: path('../peers/dbos.ts'), args: [], runs: 3_000 },
]

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' } },
  })
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3))
  if (spawnSync(path('../peers/install.sh'), { stdio: ['ignore', 2, 'inherit'] }).status !== 0) {
    throw new Error('the peers could not be installed')
  }
  const results = new Map<string, Measured[]>()
  const skipped: { [name: string]: string } = {}
  for (let number = 1; number <= rounds; number++) {
    for (const contender of CONTENDERS) {
      if (skipped[contender.name] !== undefined) continue
      const runs = values.quick ? Math.ceil(contender.runs / 4) : contender.runs
      try {
        const measured = (await runScript(contender.file, [...contender.args, '--runs', `${runs}`])) as Measured
        results.set(contender.name, [...(results.get(contender.name) ?? []), measured])
        progress(`  round ${number}: ${contender.name} ${measured.runs_per_s} runs/s, p50 ${measured.latency.p50} ms`)
      } catch (error) {
        skipped[contender.name] = (error as Error).message
        progress(`  ${contender.name} is skipped: ${(error as Error).message}`)
      }
    }
  }
  console.log(JSON.stringify(summary(rounds, results, skipped)))
}

function summary(rounds: number, results: ReadonlyMap<string, Measured[]>, skipped: { [name: string]: string }) {
  const rate = (name: string): number => median((results.get(name) ?? []).map((measured) => measured.runs_per_s))
  const systems = Object.fromEntries(
    [...results].map(([name, measured]) => [
      name,
      {
        runs_per_s: round(rate(name)),
        p50_ms: round(median(measured.map((one) => one.latency.p50))),
        p99_ms: round(median(measured.map((one) => one.latency.p99))),
        rounds: measured.map((one) => one.runs_per_s),
      },
    ]),
  )
  const peers = [...results.keys()].filter((name) => name !== 'beamline')
  const ratios = Object.fromEntries(peers.map((name) => [name, round(rate('beamline') / rate(name))]))
  for (const [name, ratio] of Object.entries(ratios)) progress(`  beamline is ${ratio} times ${name}`)
  return { rounds, in_flight: 64, payload_bytes: 1024, steps: 3, systems, ratios, skipped }
}

await main()
