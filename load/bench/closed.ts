/** Closed loop: a fixed number of runs in flight. `--steps N` measures one flow and prints the result as the peers do. `--log kafka`: beside a broker. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { toJsonText } from '../../schemas/json.ts'
import { closedLoop, type LoadResult, payloadOf } from '../measure/driver.ts'
import { type Percentiles, percentiles, round } from '../measure/statistics.ts'
import { progress } from './child.ts'
import { BenchEngine } from './engine.ts'
import { echoChain } from './flow-documents.ts'
import { type BenchKafka, brokerCpuUs, bytesOnDisk, newPlace, onLog } from './place.ts'

const PAYLOAD_BYTES = 1024

interface ClosedResult extends LoadResult {
  readonly steps: number
  readonly steps_per_s: number
  readonly cpu_us_per_run: number
  readonly records_per_run: number
  readonly commits_per_run: number
  /** Records of all topics, without the changelog's. */
  readonly records_per_commit: number
  readonly row_changes_per_commit: number
  /** Milliseconds. */
  readonly commit: Percentiles
  readonly rss_mb: number
  readonly on_kafka?: {
    readonly bytes_per_run: number
    readonly bytes_per_run_by_topic: Readonly<Record<string, number>>
    readonly broker_cpu_us_per_run: number
    /** What the CPU time of process and broker together allows on the cores of this machine, if nobody else used them. */
    readonly runs_per_s_by_cpu: number
  }
}

/** What the broker has spent so far. */
interface Spent {
  readonly cpuUs: number
  readonly bytes: ReadonlyMap<string, number>
}

async function measure(kafka: BenchKafka | null, steps: number, runs: number, inFlight: number): Promise<ClosedResult> {
  const place = kafka === null ? null : newPlace(kafka)
  const spent = (): Spent | null =>
    kafka === null ? null : { cpuUs: brokerCpuUs(kafka), bytes: bytesOnDisk(kafka, place!.prefix) }
  const engine = await BenchEngine.start(place?.choice)
  try {
    const flow = `echo-${steps}`
    await engine.publish(flow, echoChain(flow, steps))
    const one = (index: number): Promise<unknown> => engine.run(flow, toJsonText(payloadOf(PAYLOAD_BYTES, index)))
    await closedLoop(one, Math.ceil(runs / 5), inFlight)
    engine.takeCommitMs()
    const spentBefore = spent()
    const before = await engine.counts()
    const result = await closedLoop(one, runs, inFlight)
    const after = await engine.counts()
    const commits = after.commits - before.commits
    return {
      steps,
      ...result,
      steps_per_s: round(result.runs_per_s * steps),
      cpu_us_per_run: round((after.cpuUs - before.cpuUs) / runs),
      records_per_run: round((after.records - before.records) / runs),
      commits_per_run: round(commits / runs),
      records_per_commit: round((after.records - before.records) / commits),
      row_changes_per_commit: round((after.writes - before.writes) / commits),
      commit: percentiles(engine.takeCommitMs()),
      rss_mb: Math.round(process.memoryUsage.rss() / 2 ** 20),
      ...(spentBefore === null ? {} : { on_kafka: perRun(spentBefore, spent()!, runs, after.cpuUs - before.cpuUs) }),
    }
  } finally {
    await engine.close()
  }
}

function perRun(before: Spent, after: Spent, runs: number, ownCpuUs: number): NonNullable<ClosedResult['on_kafka']> {
  const grown = [...after.bytes].map(([topic, bytes]) => [
    topic,
    round((bytes - (before.bytes.get(topic) ?? 0)) / runs),
  ])
  const byTopic = Object.fromEntries(grown.filter(([, bytes]) => bytes !== 0)) as Record<string, number>
  const all = Object.values(byTopic).reduce((sum, bytes) => sum + bytes, 0)
  const cpuUs = after.cpuUs - before.cpuUs
  return {
    bytes_per_run: round(all),
    bytes_per_run_by_topic: byTopic,
    broker_cpu_us_per_run: round(cpuUs / runs),
    runs_per_s_by_cpu: round((runs * availableParallelism() * 1e6) / (cpuUs + ownCpuUs)),
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      steps: { type: 'string' },
      runs: { type: 'string' },
      'in-flight': { type: 'string', default: '64' },
      log: { type: 'string', default: 'embedded' },
    },
  })
  await onLog(values.log, (kafka) => measureAll(kafka, values))
}

interface Values {
  readonly quick: boolean
  readonly steps?: string
  readonly runs?: string
  readonly 'in-flight': string
}

async function measureAll(kafka: BenchKafka | null, values: Values): Promise<void> {
  const inFlight = Number(values['in-flight'])
  const runs = Number(values.runs ?? (values.quick ? 5_000 : 30_000))
  if (values.steps !== undefined) {
    console.log(JSON.stringify({ system: 'beamline', ...(await measure(kafka, Number(values.steps), runs, inFlight)) }))
    return
  }
  const flows: ClosedResult[] = []
  for (const steps of [1, 3, 10]) {
    const measured = await measure(kafka, steps, Math.ceil(steps === 10 ? runs / 3 : runs), inFlight)
    const { p50, p99 } = measured.latency
    progress(
      `  ${steps} step${steps === 1 ? '' : 's'}: ${measured.runs_per_s} runs/s, ${measured.steps_per_s} steps/s, p50 ${p50}, p99 ${p99} ms`,
    )
    flows.push(measured)
  }
  console.log(JSON.stringify({ in_flight: inFlight, payload_bytes: PAYLOAD_BYTES, durable: true, flows }))
}

await main()
