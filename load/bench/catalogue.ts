/** The benchmarks by name. Each is a file of its own and runs in a process of its own. */

export interface Benchmark {
  readonly name: string
  readonly file: string
  readonly what: string
  /** Runs only when it is asked for. */
  readonly onDemand?: true
}

export const BENCHMARKS: readonly Benchmark[] = [
  { name: 'closed', file: 'closed.ts', what: '64 runs in flight; flows of 1, 3 and 10 no-op steps' },
  { name: 'open', file: 'open.ts', what: '100 and 500 runs per second, latency from the intended start' },
  { name: 'decisions', file: 'decisions.ts', what: 'route and result alone, without a log' },
  { name: 'waiting', file: 'waiting.ts', what: 'memory of 10,000 runs that wait' },
  { name: 'timers', file: 'timers.ts', what: '1,000,000 timers' },
  { name: 'restore', file: 'restore.ts', what: 'restore of 1,000,000 keys' },
  { name: 'start', file: 'start.ts', what: 'cold start of the process' },
  { name: 'idle', file: 'idle.ts', what: 'CPU of an idle process' },
  { name: 'http', file: 'http.ts', what: 'POST /api/v1/runs accepted per second beside bare Fastify' },
  {
    name: 'peers',
    file: 'peers.ts',
    what: 'BullMQ, Restate and DBOS in alternating rounds with Beamline',
    onDemand: true,
  },
]

export function benchmarkNamed(name: string): Benchmark {
  const found = BENCHMARKS.find((benchmark) => benchmark.name === name)
  if (found !== undefined) return found
  const names = BENCHMARKS.map((benchmark) => benchmark.name).join(', ')
  throw new Error(`there is no benchmark '${name}'; expected some of ${names}`)
}
