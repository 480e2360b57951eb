/**
 * `npm run bench -- [--log kafka] [--quick] [--only closed,open] [--peers] [--rounds N]`: runs the benchmarks one after another, each in its own
 * process; with `--log kafka` beside a broker that is started for them. Progress goes to standard error; the last line of standard output is one JSON object with everything.
 */
import { execFileSync } from 'node:child_process'
import { cpus, loadavg, platform, release, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { round } from '../measure/statistics.ts'
import { type BenchLog, type Benchmark, choose } from './catalogue.ts'
import { progress, runScript } from './child.ts'
import { kafkaVariables, startBenchKafka } from './place.ts'

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      peers: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      log: { type: 'string', default: 'embedded' },
    },
  })
  const log = logNamed(values.log)
  const chosen = choose(log, values.only, values.peers)
  const settings = { log, quick: values.quick, benchmarks: chosen.map((benchmark) => benchmark.name) }
  const machine = describeMachine()
  progress(
    `${machine.cpu} x ${machine.cores}, ${machine.memory_gb} GB, ${machine.os}, Node ${machine.node}, load ${machine.load_average}`,
  )

  const args = [
    ...(values.quick ? ['--quick'] : []),
    ...(values.rounds === undefined ? [] : ['--rounds', values.rounds]),
  ]
  const kafka = log === 'kafka' ? await startBenchKafka(values.quick ? 'short' : 'full') : null
  try {
    const env = kafka === null ? {} : kafkaVariables(kafka)
    const results = await runAll(
      chosen,
      (benchmark) => [...args, ...(benchmark.on === 'both' ? ['--log', log] : [])],
      env,
    )
    const warmUp = kafka === null ? {} : { broker_warm_up: kafka.warmUp }
    console.log(JSON.stringify({ machine, settings, ...warmUp, results }))
  } finally {
    await kafka?.stop()
  }
}

function logNamed(name: string): BenchLog {
  if (name === 'embedded' || name === 'kafka') return name
  throw new Error(`--log is '${name}'; expected embedded or kafka`)
}

async function runAll(
  chosen: readonly Benchmark[],
  argsOf: (benchmark: Benchmark) => readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ readonly [name: string]: object }> {
  const results: { [name: string]: object } = {}
  for (const benchmark of chosen) {
    progress(`\n${benchmark.name}: ${benchmark.what}`)
    try {
      const file = new URL(benchmark.file, import.meta.url).pathname
      results[benchmark.name] = await runScript(file, argsOf(benchmark), { env })
    } catch (error) {
      process.exitCode = 1
      results[benchmark.name] = { error: (error as Error).message }
      progress(`  ${(error as Error).message}`)
    }
  }
  return results
}

function describeMachine() {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memory_gb: Math.round(totalmem() / 2 ** 30),
    os: `${platform()} ${release()}`,
    node: process.version,
    commit: commit(),
    /** Of the last minute before the first benchmark: others at work make figures worse. */
    load_average: round(loadavg()[0]!),
  }
}

function commit(): string | null {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    return null
  }
}

try {
  await main()
} catch (error) {
  progress((error as Error).message)
  process.exitCode = 2
}
