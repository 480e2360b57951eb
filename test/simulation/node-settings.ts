/** How the nodes of one history are set up; the seed decides. */
import type { ExecutorOptions } from '../../topology/executor/options.ts'
import type { Snapshot, SnapshotStore } from '../../topology/task/snapshot.ts'
import type { TaskOptions } from '../../topology/task/task.ts'
import { createTopology, type Topology } from '../../topology/topology.ts'
import { throwingProcessors } from './throwing.ts'
import { THROWING_FLOW, type World } from './world.ts'

export interface NodeSettings {
  readonly count: number
  /** Of each pool. */
  readonly concurrency: number
  readonly topology: Topology
  readonly tasks: TaskOptions
  readonly executor: Partial<ExecutorOptions>
  /** How often submissions are left lying although nothing else is to be done. */
  readonly stinginess: number
  /** What is in it survives crashes. */
  readonly snapshots: Map<number, Snapshot>
}

export function nodeSettings(world: World): NodeSettings {
  const random = world.random.fork('settings')
  const snapshots = new Map<number, Snapshot>()
  const limits = { maxRecords: random.pick([1, 3, 20, 1_000]), fuseBudget: fuseBudget(world) }
  const store = snapshotStore(world, snapshots)
  return {
    count: 1 + random.int(3),
    concurrency: 1 + random.int(4),
    topology: topologyOf(world),
    tasks: random.chance(0.6) ? { ...limits, snapshots: store } : limits,
    executor: executorOptions(world),
    stinginess: world.random.fork('intake').pick(world.storage.options.eager ? [0, 0.4, 0.7] : [0, 0.1, 0.3]),
    snapshots,
  }
}

function topologyOf(world: World): Topology {
  const random = world.random.fork('topology')
  const topology = createTopology({
    maxRunsPerTask: random.pick([2, 5, 25_000]),
    route: { window: random.pick([1, 2, 8, 256]), graceMs: random.pick([500, 5_000, 60_000]), longestMs: 600_000 },
    dlq: { chunk: random.pick([1, 200]) },
  })
  const planted = world.options.plant?.processors?.(topology.processors) ?? topology.processors
  return { ...topology, processors: throwingProcessors(planted, THROWING_FLOW) }
}

function fuseBudget(world: World): number {
  const { fuse } = world.options
  const budget = fuse === undefined ? world.random.fork('fuse').pick([0, 2, 10_000, 10_000]) : fuse ? 10_000 : 0
  if (budget === 0) world.faults.struck('unfused')
  return budget
}

function executorOptions(world: World): Partial<ExecutorOptions> {
  const random = world.random.fork('executor')
  return {
    readAhead: random.pick([4, 1_024]),
    revokeGraceMs: random.pick([50, 3_000]),
    drainMs: random.pick([50, 5_000]),
    rememberedAttempts: random.pick([5, 10_000]),
    carry: random.chance(0.5)
      ? { records: 2, ageMs: 200, runs: 2, minAgeMs: 0 }
      : { records: 10_000, ageMs: 600_000, runs: 200, minAgeMs: 1_000 },
    retry: { attempts: 3, baseMs: 20, maxMs: 200 },
  }
}

function snapshotStore(world: World, snapshots: Map<number, Snapshot>): SnapshotStore {
  const store: SnapshotStore = {
    async load(taskId) {
      return snapshots.get(taskId) ?? null
    },
    async save(taskId, _logId, { position, entries }) {
      snapshots.set(taskId, { position, entries: [...entries] })
    },
    async discard(taskId) {
      snapshots.delete(taskId)
    },
  }
  return world.options.plant?.snapshots?.(store) ?? store
}
