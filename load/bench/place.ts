/** Which log a benchmark runs on. On Kafka: the broker of the whole benchmark, or one of its own. */
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { LogChoice } from '../../connectors/open-log.ts'
import { AS_SERVER, startKafka } from '../kafka/cluster.ts'
import { processCpuUs } from '../measure/process-cpu.ts'
import { progress, runScript } from './child.ts'

/** For scripts that are started by a script which has a broker. */
const BROKERS = 'BENCH_KAFKA_BROKERS'
const FOLDER = 'BENCH_KAFKA_FOLDER'

export interface BenchKafka {
  readonly brokers: readonly string[]
  /** Where the broker's settings and log are. */
  readonly folder: string
}

/** Runs that came before anything was measured. */
export interface WarmUp {
  readonly seconds: number
  readonly runs: number
}

const WARM_UP_SECONDS = { short: 10, full: 40 } as const

/** Starts a broker with the settings of a server rather than those of a test, and gives it something to do (`warm-up.ts`) before it is measured. */
export async function startBenchKafka(
  length: keyof typeof WARM_UP_SECONDS,
): Promise<BenchKafka & { readonly warmUp: WarmUp; stop(): Promise<void> }> {
  const kafka = await startKafka({ ...AS_SERVER, properties: { 'log.retention.check.interval.ms': '300000' } })
  const place = { brokers: kafka.bootstrap, folder: kafka.folder }
  try {
    const script = new URL('warm-up.ts', import.meta.url).pathname
    const args = ['--seconds', String(WARM_UP_SECONDS[length])]
    const warmUp = (await runScript(script, args, { env: kafkaVariables(place) })) as WarmUp
    progress(`the broker is warm: ${warmUp.seconds} s, ${warmUp.runs} runs that do not count`)
    return { ...place, warmUp, stop: () => kafka.stop() }
  } catch (error) {
    await kafka.stop()
    throw error
  }
}

export function kafkaVariables({ brokers, folder }: BenchKafka): NodeJS.ProcessEnv {
  return { [BROKERS]: brokers.join(','), [FOLDER]: folder }
}

/** Lends the broker that the caller of this script has, or one that is started and stopped. */
export async function withKafka<T>(use: (kafka: BenchKafka) => Promise<T>): Promise<T> {
  const brokers = process.env[BROKERS]
  const folder = process.env[FOLDER]
  if (brokers !== undefined && folder !== undefined) return use({ brokers: brokers.split(','), folder })
  const own = await startBenchKafka('full')
  try {
    return await use(own)
  } finally {
    await own.stop()
  }
}

/** The same with `null` for the embedded log. @throws for another name */
export async function onLog<T>(name: string, use: (kafka: BenchKafka | null) => Promise<T>): Promise<T> {
  if (name === 'embedded') return use(null)
  if (name === 'kafka') return withKafka(use)
  throw new Error(`--log is '${name}'; expected embedded or kafka`)
}

export interface KafkaPlace {
  readonly choice: Extract<LogChoice, { readonly kind: 'kafka' }>
  readonly prefix: string
  /** For processes that are to join. */
  readonly env: NodeJS.ProcessEnv
}

/** Topics of their own for one measurement. */
export function newPlace({ brokers }: BenchKafka): KafkaPlace {
  const prefix = `bench-${randomBytes(4).toString('hex')}.`
  const env = {
    BEAMLINE_LOG: 'kafka',
    BEAMLINE_KAFKA_BROKERS: brokers.join(','),
    BEAMLINE_KAFKA_PREFIX: prefix,
    BEAMLINE_LOG_LEVEL: 'warn',
  }
  return { choice: { kind: 'kafka', options: { kafka: { brokers, clientId: 'bench' }, prefix } }, prefix, env }
}

/** Bytes of the broker's segments, by topic without its prefix: what one copy takes on the disk. */
export function bytesOnDisk({ folder }: BenchKafka, prefix: string): ReadonlyMap<string, number> {
  const log = join(folder, 'node-1', 'log')
  const found = new Map<string, number>()
  for (const name of readdirSync(log)) {
    if (!name.startsWith(prefix)) continue
    const topic = name.slice(prefix.length, name.lastIndexOf('-'))
    const segments = readdirSync(join(log, name)).filter((file) => file.endsWith('.log'))
    const bytes = segments.reduce((sum, file) => sum + statSync(join(log, name, file)).size, 0)
    found.set(topic, (found.get(topic) ?? 0) + bytes)
  }
  return found
}

/** CPU time of the broker so far, in microseconds (Linux). */
export function brokerCpuUs({ folder }: BenchKafka): number {
  const settings = join(folder, 'node-1', 'server.properties')
  const isBroker = (pid: string): boolean => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(settings)
    } catch {
      return false
    }
  }
  const pid = readdirSync('/proc').find((name) => /^\d+$/.test(name) && isBroker(name))
  if (pid === undefined) throw new Error(`no process runs the broker at ${folder}`)
  return processCpuUs(pid)
}
