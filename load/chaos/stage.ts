/** One deployment under load, with everything that scenarios strike and measure. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Names, namesOf } from '../../connectors/log-kafka/names.ts'
import { CRASH_FLOWS } from '../crash/flows.ts'
import { ApiClient } from '../process/api-client.ts'
import { Random } from '../process/random.ts'
import { Sink } from '../sink/sink.ts'
import { Callers } from './callers.ts'
import type { ChaosCluster } from './cluster.ts'
import { Fleet } from './fleet.ts'
import { History } from './history.ts'
import { Producers } from './producers.ts'
import type { Struck } from './struck.ts'
import { Watch } from './watch.ts'

export interface Measured {
  /** From kill -9 of a process with tasks until events come again in every partition, milliseconds. */
  readonly takeoversMs: number[]
  /** The longest time without any end of a run while all processes were restarted one after the other. */
  readonly rollingGapsMs: number[]
  /** The same with the brokers. */
  readonly brokerGapsMs: number[]
  /** From the end of a scenario until everything was whole and runs ended again. */
  readonly recoveriesMs: number[]
  /** From SIGTERM to exit, of processes with tasks. */
  readonly handoversMs: number[]
}

export interface StageOptions {
  readonly cluster: ChaosCluster
  readonly folder: string
  readonly prefix: string
  readonly seed: number
  readonly struck: Struck
  readonly measured: Measured
  readonly say: (text: string) => void
  /** Clients of the HTTP API; producers write as much more as there are more of them. */
  readonly callers?: number
}

export interface Stage extends StageOptions {
  readonly names: Names
  readonly partitions: number
  readonly fleet: Fleet
  readonly watch: Watch
  readonly http: Callers
  readonly producers: Producers
  readonly history: History
  readonly sink: Sink
  readonly random: Random
  readonly ledgerFile: string
  readonly historyFile: string
  /** What must not have happened, in words. */
  readonly problems: string[]
}

export const PARTITIONS = 4
const CALLERS = 12

export async function openStage(options: StageOptions): Promise<Stage> {
  const { cluster, folder, prefix, seed, struck } = options
  mkdirSync(folder, { recursive: true })
  const random = new Random(seed)
  const names = namesOf(prefix)
  const ledgerFile = join(folder, 'effects.jsonl')
  const historyFile = join(folder, 'clients.jsonl')
  const shares = { busy: 0.05, slow: 0.01, broken: 0 }
  const sink = await Sink.listen({ ledgerFile, seed, shares, retryAfter: 0 })
  const fleet = new Fleet({ folder, brokers: cluster.brokers, prefix, partitions: PARTITIONS })
  try {
    await fleet.start()
    const publisher = new ApiClient(fleet.gateways[0]!.url, 2)
    for (const flow of CRASH_FLOWS) await publisher.publish(flow)
    await publisher.close()
  } catch (error) {
    await fleet.killAll()
    await sink.close()
    throw error
  }
  const history = new History(historyFile)
  const callers = options.callers ?? CALLERS
  const common = { sinkUrl: sink.url, history }
  const watch = new Watch(cluster.client, names, PARTITIONS)
  const http = new Callers({
    ...common,
    urls: fleet.gateways.map(({ url }) => url),
    random: new Random(random.u32()),
    callers,
    pauseMs: 100,
  })
  const producers = new Producers({
    ...common,
    client: cluster.client,
    names,
    partitions: PARTITIONS,
    random: new Random(random.u32()),
    struck,
    pauseMs: (150 * CALLERS) / callers,
  })
  const parts = { names, partitions: PARTITIONS, fleet, watch, http, producers, history, sink, random }
  return { ...options, ...parts, ledgerFile, historyFile, problems: [] }
}
