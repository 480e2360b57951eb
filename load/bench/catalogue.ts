/** The benchmarks by name. Each is a file of its own and runs in a process of its own. */

export interface Benchmark {
  readonly name: string
  readonly file: string
  readonly what: string
  /** Runs only when it is asked for. */
  readonly onDemand?: true
  /** The log that it wants, or both if it takes `--log`. Default: the embedded one. */
  readonly on?: 'kafka' | 'both'
}

export type BenchLog = 'embedded' | 'kafka'

export const BENCHMARKS: readonly Benchmark[] = [
  { name: 'closed', file: 'closed.ts', what: '64 runs in flight; flows of 1, 3 and 10 no-op steps', on: 'both' },
  { name: 'open', file: 'open.ts', what: '100 and 500 runs per second, latency from the intended start', on: 'both' },
  { name: 'decisions', file: 'decisions.ts', what: 'route and result alone, without a log' },
  { name: 'waiting', file: 'waiting.ts', what: 'memory of 10,000 runs that wait' },
  { name: 'timers', file: 'timers.ts', what: '1,000,000 timers' },
  { name: 'restore', file: 'restore.ts', what: 'restore of 1,000,000 keys', on: 'both' },
  { name: 'blocks', file: 'blocks.ts', what: 'scripts, JMESPath and transformations' },
  {
    name: 'bad-inputs',
    file: 'bad-inputs.ts',
    what: '10,000 bad inputs of every kind with good steps beside; a hung script',
  },
  { name: 'io', file: 'io.ts', what: 'HTTP beside bare undici; files and SQL; each as a step of runs too' },
  { name: 'gpu', file: 'gpu.ts', what: 'kernels: together and alone, warm and cold, beside the CPU backend' },
  { name: 'start', file: 'start.ts', what: 'cold start of the process' },
  { name: 'idle', file: 'idle.ts', what: 'CPU of an idle process', on: 'both' },
  { name: 'read-model', file: 'read-model.ts', what: 'lists over 1,000,000 finished and 10,000 live runs' },
  { name: 'http', file: 'http.ts', what: 'POST /api/v1/runs accepted per second beside bare Fastify' },
  { name: 'batch', file: 'batch.ts', what: 'runs accepted per second in batches beside single posts' },
  { name: 'stream', file: 'stream.ts', what: '500 events a second to 1,000 clients of GET /api/v1/stream' },
  { name: 'visible', file: 'visible.ts', what: '500 runs a second, from an event to its place in a list' },
  { name: 'readers', file: 'readers.ts', what: '64 runs in flight, alone and beside readers' },
  { name: 'hop', file: 'hop.ts', what: 'one hop of a task: record in, transaction committed', on: 'kafka' },
  { name: 'takeover', file: 'takeover.ts', what: 'kill -9 of one of two processes', on: 'kafka' },
  { name: 'rolling', file: 'rolling.ts', what: 'restart of three processes, one after the other', on: 'kafka' },
  { name: 'scale', file: 'scale.ts', what: 'one, two and four processes beside one broker', on: 'kafka' },
  {
    name: 'peers',
    file: 'peers.ts',
    what: 'BullMQ, Restate and DBOS in alternating rounds with Beamline',
    onDemand: true,
  },
]

export function runsOn({ on }: Benchmark, log: BenchLog): boolean {
  return on === 'both' || (on ?? 'embedded') === log
}

export function benchmarkNamed(name: string): Benchmark {
  const found = BENCHMARKS.find((benchmark) => benchmark.name === name)
  if (found !== undefined) return found
  const names = BENCHMARKS.map((benchmark) => benchmark.name).join(', ')
  throw new Error(`there is no benchmark '${name}'; expected some of ${names}`)
}

/** What is asked for, each once; without names all that run on the log. @throws for a benchmark that is not known or does not run on the log */
export function choose(log: BenchLog, only: string | undefined, peers: boolean): readonly Benchmark[] {
  const names = only?.split(',').map((name) => name.trim())
  const asked = [...new Set([...(names ?? []), ...(peers ? ['peers'] : [])])].map(benchmarkNamed)
  const other = asked.find((benchmark) => !runsOn(benchmark, log))
  if (other !== undefined) throw new Error(`benchmark '${other.name}' does not run on the log '${log}'`)
  if (asked.length > 0) return asked
  return BENCHMARKS.filter((benchmark) => benchmark.onDemand !== true && runsOn(benchmark, log))
}
