/** The processes of a deployment, and what befalls them: crashes, stops, lost sessions, orderly restarts. */
import { type MemoryLog, openMemoryLog } from '../../connectors/log-memory/memory-log.ts'
import type { Processor } from '../../processors/turn.ts'
import { POOLS } from '../../schemas/topics.ts'
import { type ExecutorObserver, SILENT_OBSERVER } from '../../topology/executor/observer.ts'
import type { ExecutorOptions } from '../../topology/executor/options.ts'
import type { Log } from '../../topology/log/port.ts'
import { Node } from '../../topology/node/node.ts'
import type { TaskObserver } from '../../topology/task/observer.ts'
import type { Snapshot, SnapshotStore } from '../../topology/task/snapshot.ts'
import type { Task, TaskOptions } from '../../topology/task/task.ts'
import { createTopology, type Topology } from '../../topology/topology.ts'
import { simulatedBlocks } from './blocks.ts'
import type { SimProcess } from './scheduler.ts'
import { throwingProcessors } from './throwing.ts'
import { THROWING_FLOW, type World } from './world.ts'
import { withTasks, wrapTask } from './wrap.ts'

interface Slot {
  readonly index: number
  process: SimProcess
  log: MemoryLog
  node: Node
  commitsInFlight: () => number
  /** Its memberships were taken away; it must be started anew. */
  expired: boolean
  restarting: boolean
  starts: number
}

export interface Nodes {
  readonly slots: readonly Slot[]
  readonly topology: Topology
  tasks(): Task[]
  commitsInFlight(): number
  crash(): void
  freeze(): void
  expire(): void
  drain(): void
  skew(): void
  deleteSnapshots(): void
  /** Everybody who cannot go on as a member is started anew. */
  heal(): void
}

export function startNodes(world: World): Nodes {
  const random = world.random.fork('nodes')
  const topology = makeTopology(world)
  const settings = {
    concurrency: 1 + random.int(4),
    tasks: { maxRecords: random.pick([1, 3, 20, 1_000]), ...fuseBudget(world) } satisfies TaskOptions,
    executor: executorOptions(world),
    useSnapshots: random.chance(0.6),
  }
  const snapshots = new Map<number, Snapshot>()
  const store = snapshotStore(world, snapshots)
  const slots: Slot[] = []

  const build = (index: number, starts: number): Slot => {
    const name = `node-${index}.${starts}`
    const process = world.scheduler.process(name, world.random.fork(name))
    const log = openMemoryLog(world.storage, process.environment, world.faults.hooks)
    const counted = countCommits(world.options.plant?.log?.(log, process.environment) ?? log)
    const slot: Slot = {
      index,
      process,
      log,
      starts,
      expired: false,
      restarting: false,
      commitsInFlight: counted.inFlight,
      node: new Node({
        log: counted.log,
        environment: process.environment,
        topology,
        workerId: name,
        tasks: true,
        pools: POOLS.filter((pool) => pool !== 'external').map((pool) => ({
          pool,
          concurrency: settings.concurrency,
          blocks: simulatedBlocks(process.environment, world.effects),
        })),
        taskObserver: taskObserver(world, name),
        executorObserver: executorObserver(world, name),
        executorOptions: settings.executor,
        taskOptions: settings.useSnapshots ? { ...settings.tasks, snapshots: store } : settings.tasks,
        onTaskStopped: (taskId, error) => stopped(slot, taskId, error),
      }),
    }
    world.trace(`${name} starts`)
    slot.node.start().catch((error: Error) => restart(slot, `start failed: ${error.message}`))
    return slot
  }

  const stopped = (slot: Slot, taskId: number, error: Error) => {
    const { code } = error as { code?: string }
    if (code === 'FENCED') world.faults.struck('task_fenced')
    else world.problems.push(`task ${taskId} stopped for good: ${code} ${error.message}`)
    restart(slot, `task ${taskId} stopped: ${error.message}`)
  }

  /** The process dies at once; its session ends a while later, and somebody starts it again. */
  const restart = (slot: Slot, why: string) => {
    if (!slot.process.alive) return
    world.trace(`${slot.process.name} dies: ${why}`)
    slot.process.alive = false
    slot.restarting = true
    const { environment } = world.server
    environment.after(random.int(1_500), () => slot.log.evict())
    // a request to join may still have been on its way
    environment.after(6_000, () => slot.log.evict())
    environment.after(random.int(3_000), () => {
      world.faults.struck('restart')
      slot.log.evict()
      slots[slot.index] = build(slot.index, slot.starts + 1)
    })
  }

  const count = 1 + random.int(3)
  for (let index = 0; index < count; index++) slots.push(build(index, 0))
  const alive = () => slots.filter((slot) => slot.process.alive)
  const some = () => {
    const candidates = alive()
    return candidates.length === 0 ? null : random.pick(candidates)
  }

  return {
    slots,
    topology,
    tasks: () => alive().flatMap((slot) => [...slot.node.tasks]),
    commitsInFlight: () => alive().reduce((sum, slot) => sum + slot.commitsInFlight(), 0),
    crash() {
      const slot = some()
      if (slot === null) return
      world.faults.struck('crash')
      if (slot.commitsInFlight() > 0) world.faults.struck('crash_with_commit_in_flight')
      restart(slot, 'crash')
    },
    freeze() {
      const slot = some()
      if (slot === null) return
      world.faults.struck('zombie')
      slot.process.frozenUntilMs = world.scheduler.nowMs + 500 + random.int(12_000)
      slot.expired = true
      world.trace(`${slot.process.name} stands still until ${Math.round(slot.process.frozenUntilMs)}`)
      world.server.environment.after(random.int(3_000), () => slot.log.evict())
    },
    expire() {
      const slot = some()
      if (slot === null) return
      world.faults.struck('session_lost')
      world.trace(`${slot.process.name} loses its session`)
      slot.expired = true
      slot.log.evict()
    },
    drain() {
      const slot = some()
      if (slot === null || slot.restarting) return
      world.faults.struck('orderly_drain')
      world.trace(`${slot.process.name} drains`)
      slot.restarting = true
      const again = () => restart(slot, 'drained')
      slot.node.drain().then(again, again)
    },
    skew() {
      const slot = some()
      if (slot === null) return
      world.faults.struck('clock_skew')
      slot.process.clockOffsetMs += random.int(10_000) - 5_000
    },
    deleteSnapshots() {
      if (snapshots.size === 0) return
      world.faults.struck('snapshot_deleted')
      snapshots.clear()
    },
    heal() {
      for (const slot of slots) {
        slot.process.frozenUntilMs = 0
        if (slot.expired) restart(slot, 'its session is gone')
      }
    },
  }
}

function makeTopology(world: World): Topology {
  const random = world.random.fork('topology')
  const topology = createTopology({
    maxRunsPerTask: random.pick([2, 5, 25_000]),
    route: { window: random.pick([1, 2, 8, 256]), graceMs: random.pick([500, 5_000, 60_000]), longestMs: 600_000 },
    dlq: { chunk: random.pick([1, 200]) },
  })
  const planted = world.options.plant?.processors?.(topology.processors) ?? topology.processors
  return { ...topology, processors: throwingProcessors(planted, THROWING_FLOW) as readonly Processor[] }
}

function fuseBudget(world: World): { readonly fuseBudget: number } {
  const { fuse } = world.options
  const budget = fuse === undefined ? world.random.fork('fuse').pick([0, 2, 10_000, 10_000]) : fuse ? 10_000 : 0
  if (budget === 0) world.faults.struck('unfused')
  return { fuseBudget: budget }
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
  }
  return world.options.plant?.snapshots?.(store) ?? store
}

function countCommits(log: Log): { readonly log: Log; readonly inFlight: () => number } {
  let inFlight = 0
  const counted = withTasks(log, (task) =>
    wrapTask(task, {
      commit: (request) => {
        inFlight += 1
        return task.commit(request).finally(() => {
          inFlight -= 1
        })
      },
    }),
  )
  return { log: counted, inFlight: () => inFlight }
}

function taskObserver(world: World, name: string): TaskObserver {
  return {
    phase: (taskId, phase) => world.trace(`${name} task ${taskId} is ${phase}`),
    restored: () => undefined,
    restoreProgress: () => undefined,
    committed: () => undefined,
    counted(_taskId, counter, by) {
      if (counter === 'late_results_dropped') world.faults.struck('late_result_dropped', by)
    },
    deadLettered(taskId, topic, offset, code, message) {
      world.trace(`task ${taskId} dead letter for ${topic} ${offset}: ${code} ${message}`)
      if (code !== 'PROCESSOR_THREW' && code !== 'TIMER_THREW') return
      if (message.includes(THROWING_FLOW)) world.faults.struck('processor_threw')
      else world.problems.push(`task ${taskId} failed at ${topic} ${offset}: ${code} ${message}`)
    },
    reopening(taskId, error) {
      world.faults.struck('task_reopened')
      world.trace(`${name} task ${taskId} discards its state: ${error.message}`)
      if (!(error as { code?: string }).code) world.problems.push(`task ${taskId} broke: ${error.stack}`)
    },
  }
}

function executorObserver(world: World, name: string): ExecutorObserver {
  return {
    ...SILENT_OBSERVER,
    assigned: (pool, partition) => world.trace(`${name} gets ${pool} ${partition}`),
    revoked: (pool, partition) => world.trace(`${name} lets ${pool} ${partition} go`),
    rejoining: (pool, error) => world.trace(`${name} joins ${pool} anew: ${(error as Error).message}`),
    reportFailed: (pool, partition, attempt, error) =>
      world.trace(`${name} report ${attempt} of ${pool} ${partition} failed: ${(error as Error).message}`),
    carriedForward: (_pool, _partition, records) => world.faults.struck('step_carried_forward', records),
  }
}
