/** The processes of a deployment, and what befalls them: crashes, stops, lost sessions, orderly restarts. */
import { EagerTaskLog } from '../../connectors/log-memory/eager-task-log.ts'
import { type MemoryLog, openMemoryLog } from '../../connectors/log-memory/memory-log.ts'
import { startMemoryProcess } from '../../connectors/log-memory/process.ts'
import { MemoryTaskLog } from '../../connectors/log-memory/task-log.ts'
import type { Log } from '../../topology/log/port.ts'
import { Node } from '../../topology/node/node.ts'
import type { Task } from '../../topology/task/task.ts'
import type { Topology } from '../../topology/topology.ts'
import { SIMULATED, simulatedBlocks } from './blocks.ts'
import { simulatedDevice } from './device.ts'
import { type NodeSettings, nodeSettings } from './node-settings.ts'
import { executorObserver, taskObserver } from './observers.ts'
import type { Prng } from './prng.ts'
import type { SimProcess } from './scheduler.ts'
import { StingyIntake } from './stingy-intake.ts'
import type { World } from './world.ts'
import { withTasks, wrapTask } from './wrap.ts'

const SESSION_MS = 1_500
const RESTART_MS = 3_000
/** Longer than any request is on its way. */
const LAST_EVICTION_MS = 6_000
const STANDSTILL_MS = 12_000
const SKEW_MS = 5_000

interface Slot {
  readonly index: number
  readonly starts: number
  readonly process: SimProcess
  readonly log: MemoryLog
  readonly node: Node
  readonly commitsInFlight: () => number
  /** Of the tasks it opened, by task id. */
  readonly epochs: ReadonlyMap<number, number>
  /** Its memberships were taken away; it must be started anew. */
  expired: boolean
  draining: boolean
}

export class Nodes {
  readonly #world: World
  readonly #random: Prng
  readonly #settings: NodeSettings
  readonly #slots: Slot[] = []

  constructor(world: World) {
    const { eager } = world.storage.options
    this.#world = world
    this.#random = world.random.fork('nodes')
    this.#settings = nodeSettings(world)
    for (let index = 0; index < (eager ? 1 : this.#settings.count); index++) this.#slots.push(this.#start(index, 0))
  }

  get topology(): Topology {
    return this.#settings.topology
  }

  /** The latest owner of each task that has one; an earlier one may be there still and not know it. */
  tasks(): Task[] {
    const latest = new Map<number, { readonly task: Task; readonly epoch: number }>()
    for (const { node, epochs } of this.#alive()) {
      for (const task of node.tasks) {
        const epoch = epochs.get(task.taskId) ?? -1
        if (epoch > (latest.get(task.taskId)?.epoch ?? -2)) latest.set(task.taskId, { task, epoch })
      }
    }
    return [...latest.values()].map(({ task }) => task)
  }

  commitsInFlight(): number {
    return this.#alive().reduce((sum, slot) => sum + slot.commitsInFlight(), 0)
  }

  crash(): void {
    const slot = this.#some()
    if (slot === null) return
    this.#world.faults.struck('crash')
    if (slot.commitsInFlight() > 0) this.#world.faults.struck('crash_with_commit_in_flight')
    this.#restart(slot, 'crash')
  }

  /** Stands still for a while, and goes on as if nothing had happened although others have its partitions. */
  freeze(): void {
    const slot = this.#some()
    if (slot === null) return
    const { faults, scheduler, server, storage } = this.#world
    faults.struck('zombie')
    slot.process.frozenUntilMs = scheduler.nowMs + 500 + this.#random.int(STANDSTILL_MS)
    // the folder of an embedded log stays its own: nobody takes anything over
    slot.expired = !storage.options.eager
    this.#world.trace(`${slot.process.name} stands still until ${Math.round(slot.process.frozenUntilMs)}ms`)
    const silentMs = this.#random.int(SESSION_MS)
    if (slot.expired) server.environment.after(silentMs, () => slot.log.evict())
  }

  /** Loses its memberships and does not notice. */
  expire(): void {
    const slot = this.#some()
    if (slot === null || this.#world.storage.options.eager) return
    this.#world.faults.struck('session_lost')
    this.#world.trace(`${slot.process.name} loses its session`)
    slot.expired = true
    slot.log.evict()
  }

  drain(): void {
    const slot = this.#some()
    if (slot === null || slot.draining) return
    this.#world.faults.struck('orderly_drain')
    this.#world.trace(`${slot.process.name} drains`)
    slot.draining = true
    const again = () => this.#restart(slot, 'drained')
    slot.node.drain().then(again, again)
  }

  skew(): void {
    const slot = this.#some()
    if (slot === null) return
    this.#world.faults.struck('clock_skew')
    slot.process.clockOffsetMs += this.#random.int(2 * SKEW_MS) - SKEW_MS
  }

  deleteSnapshots(): void {
    if (this.#settings.snapshots.size === 0) return
    this.#world.faults.struck('snapshot_deleted')
    this.#settings.snapshots.clear()
  }

  /**
   * Everybody goes on, and who cannot go on as a member is started anew; with eager storage whoever runs, since progress without results may be lost
   * and is found again only by reading.
   */
  heal(): void {
    for (const slot of [...this.#slots]) {
      slot.process.frozenUntilMs = 0
      if (slot.expired || this.#world.storage.options.eager) this.#restart(slot, 'its session is gone')
    }
  }

  #alive(): Slot[] {
    return this.#slots.filter((slot) => slot.process.alive)
  }

  #some(): Slot | null {
    const candidates = this.#alive()
    return candidates.length === 0 ? null : this.#random.pick(candidates)
  }

  #start(index: number, starts: number): Slot {
    const { scheduler, random, storage, faults, options } = this.#world
    const name = `node-${index}.${starts}`
    const process = scheduler.process(name, random.fork(name))
    if (storage.options.eager) startMemoryProcess(storage, process.environment, faults.hooks)
    const log = openMemoryLog(storage, process.environment, faults.hooks)
    const epochs = new Map<number, number>()
    const noted = noteEpochs(log, epochs)
    const counted = countCommits(options.plant?.log?.(noted, process.environment) ?? noted)
    const node = this.#node(name, process, counted.log, (taskId, error) => this.#stopped(slot, taskId, error))
    const commitsInFlight = counted.inFlight
    const slot: Slot = { index, starts, process, log, node, commitsInFlight, epochs, expired: false, draining: false }
    this.#world.trace(`${name} starts`)
    node.start().catch((error: Error) => this.#restart(slot, `it could not start: ${error.message}`))
    return slot
  }

  #node(name: string, process: SimProcess, log: Log, onTaskStopped: (taskId: number, error: Error) => void): Node {
    const { concurrency, topology, executor, tasks, stinginess } = this.#settings
    const { faults } = this.#world
    // clients that repeat themselves would never be caught up with
    const probability = () => (faults.active ? stinginess : 0)
    const intake = new StingyIntake(process.environment, this.#random.fork(name), probability)
    const blocks = simulatedBlocks(process.environment, this.#world.effects)
    const device = simulatedDevice(process.environment, this.#random.fork(`${name}-device`))
    return new Node({
      log,
      environment: process.environment,
      topology,
      workerId: name,
      tasks: true,
      pools: SIMULATED.map(({ pool }) => ({ pool, concurrency, blocks, ...(pool === 'gpu' ? { device } : {}) })),
      taskObserver: taskObserver(this.#world, name),
      executorObserver: executorObserver(this.#world, name),
      executorOptions: executor,
      taskOptions: { ...tasks, intake },
      onTaskStopped,
    })
  }

  #stopped(slot: Slot, taskId: number, error: Error): void {
    const { code } = error as { code?: string }
    if (code === 'FENCED') this.#world.faults.struck('task_fenced')
    else this.#world.problems.push(`task ${taskId} stopped for good: ${code} ${error.message}`)
    this.#restart(slot, `task ${taskId} stopped: ${error.message}`)
  }

  /** The process dies at once; its session ends a while later, and somebody starts it again. */
  #restart(slot: Slot, why: string): void {
    if (!slot.process.alive) return
    this.#world.trace(`${slot.process.name} dies: ${why}`)
    slot.process.alive = false
    if (this.#world.storage.options.eager) this.#world.storage.process?.die()
    const { environment } = this.#world.server
    environment.after(this.#random.int(SESSION_MS), () => slot.log.evict())
    environment.after(this.#random.int(RESTART_MS), () => {
      this.#world.faults.struck('restart')
      slot.log.evict()
      this.#slots[slot.index] = this.#start(slot.index, slot.starts + 1)
    })
    // a request to join may still have been on its way
    environment.after(LAST_EVICTION_MS, () => slot.log.evict())
  }
}

function noteEpochs(log: Log, epochs: Map<number, number>): Log {
  return withTasks(log, (task) => {
    if (task instanceof MemoryTaskLog || task instanceof EagerTaskLog) epochs.set(task.taskId, task.epoch)
    return task
  })
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
