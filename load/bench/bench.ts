/**
 * `npm run bench -- [--quick] [--only closed,open] [--peers] [--rounds N]`: runs the benchmarks one after another, each in its own
 * process. Progress goes to standard error; the last line of standard output is one JSON object with everything.
 */
import { execFileSync } from 'node:child_process'
import { cpus, loadavg, platform, release, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { round } from '../measure/statistics.ts'
import { BENCHMARKS, type Benchmark, benchmarkNamed } from './catalogue.ts'
import { progress, runScript } from './child.ts'

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      peers: { type: 'boolean', default: false },
      rounds: { type: 'string' },
    },
  })
  const chosen = choose(values.only, values.peers)
  const settings = { quick: values.quick, benchmarks: chosen.map((benchmark) => benchmark.name) }
  const machine = describeMachine()
  progress(
    `${machine.cpu} x ${machine.cores}, ${machine.memory_gb} GB, ${machine.os}, Node ${machine.node}, load ${machine.load_average}`,
  )

  const args = [
    ...(values.quick ? ['--quick'] : []),
    ...(values.rounds === undefined ? [] : ['--rounds', values.rounds]),
  ]
  const results: { [name: string]: object } = {}
  let failed = 0
  for (const benchmark of chosen) {
    progress(`\n${benchmark.name}: ${benchmark.what}`)
    try {
      results[benchmark.name] = await runScript(new URL(benchmark.file, import.meta.url).pathname, args)
    } catch (error) {
      failed++
      results[benchmark.name] = { error: (error as Error).message }
      progress(`  ${(error as Error).message}`)
    }
  }
  console.log(JSON.stringify({ machine, settings, results }))
  if (failed > 0) process.exitCode = 1
}

function choose(only: string | undefined, peers: boolean): readonly Benchmark[] {
  const names = only?.split(',').map((name) => name.trim())
  if (names !== undefined) return [...names, ...(peers ? ['peers'] : [])].map(benchmarkNamed)
  if (peers) return [benchmarkNamed('peers')]
  return BENCHMARKS.filter((benchmark) => benchmark.onDemand !== true)
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
