/** One history, from its seed: starts everything, lets faults strike, lets everything heal, and looks at what came of it. */
import { createHash } from 'node:crypto'
import { rebalance } from '../../connectors/log-memory/groups.ts'
import { openMemoryLog } from '../../connectors/log-memory/memory-log.ts'
import { TASK_TOPICS, type TaskTopic } from '../../schemas/topics.ts'
import type { PartitionInfo } from '../../topology/log/port.ts'
import type { VerifyReport } from '../../topology/verify/report.ts'
import { type Clients, startClients } from './client.ts'
import type { FaultCounts } from './faults.ts'
import { checkOutcomes, checkTasks, type RunOutcome, verifyWorld } from './final-checks.ts'
import { LiveChecks } from './live-checks.ts'
import { Nodes } from './nodes.ts'
import { checkOperations, type Operations, startOperations } from './operations.ts'
import { createWorld, type SimulationOptions, type World } from './world.ts'

const MAX_STEPS = 60_000
const MAX_MS = 3 * 3_600_000
const QUIET_EVERY_STEPS = 20
const QUIET_EVERY_MS = 50

export interface SimulationResult {
  readonly seed: number
  readonly problems: readonly string[]
  readonly steps: number
  readonly virtualMs: number
  /** Over every record of every topic. */
  readonly hash: string
  readonly faults: FaultCounts
  readonly outcomes: readonly RunOutcome[]
  readonly report: VerifyReport | null
}

export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const undo = options.plant?.install?.()
  try {
    return await run(createWorld(options))
  } finally {
    undo?.()
  }
}

async function run(world: World): Promise<SimulationResult> {
  const live = new LiveChecks(world)
  const clients = startClients(world, (runId) => {
    live.check()
    return live.runs.byId.has(runId)
  })
  const operations = startOperations(world)
  const nodes = new Nodes(world)
  unsettle(world, nodes)
  const quiet = await untilQuiet(world, live, { clients, operations }, nodes)
  let report: VerifyReport | null = null
  let outcomes: RunOutcome[] = []
  if (quiet && world.problems.length === 0) {
    const positions = describe(world)
    report = verifyWorld(world, positions)
    outcomes = checkOutcomes(world, clients.cancelled)
    checkOperations(world, operations)
    checkTasks(world, nodes.tasks(), nodes.topology)
    world.faults.struck('attempt_executed_again', report.effects.repeated)
  }
  const { steps, nowMs } = world.scheduler
  const { problems, faults } = world
  const hash = hashOf(world)
  return { seed: world.options.seed, problems, steps, virtualMs: nowMs, hash, faults: faults.counts, outcomes, report }
}

/** Faults that come from outside: they strike while clients are busy, and a while longer. */
function unsettle(world: World, nodes: Nodes): void {
  const random = world.random.fork('chaos')
  const { faults, server } = world
  const forMs = random.pick([500, 5_000, 20_000])
  const everyMs = random.pick([100, 700, 3_000])
  const strike = () => {
    if (!faults.active) return
    chaos(world, nodes, random.int(100), random)
    server.environment.after(1 + random.int(everyMs), strike)
  }
  if ((world.options.intensity ?? 1) > 0) server.environment.after(random.int(everyMs), strike)
  server.environment.after(forMs, () => heal(world, nodes))
}

function chaos(world: World, nodes: Nodes, kind: number, random: World['random']): void {
  const { faults, storage, scheduler } = world
  if (kind < 20) nodes.crash()
  else if (kind < 28) nodes.freeze()
  else if (kind < 36) nodes.expire()
  else if (kind < 46) nodes.drain()
  else if (kind < 56) {
    faults.struck('rebalance_tasks')
    rebalance(storage.groups, 'tasks')
  } else if (kind < 68) {
    faults.struck('rebalance_pool')
    rebalance(storage.groups, random.pick(['execute.io', 'execute.cpu', 'execute.gpu']))
  } else if (kind < 76) {
    faults.struck('clock_forward')
    scheduler.jumpClock(random.int(40_000))
  } else if (kind < 84) {
    faults.struck('clock_back')
    scheduler.jumpClock(-random.int(40_000))
  } else if (kind < 89) nodes.skew()
  else if (kind < 93) nodes.deleteSnapshots()
  else stealTask(world, random.int(world.partitions))
}

/** Somebody else opens a task and does nothing with it. */
function stealTask(world: World, taskId: number): void {
  world.faults.struck('task_stolen')
  world.trace(`task ${taskId} is stolen`)
  const thief = openMemoryLog(world.storage, world.server.environment)
  // within an embedded log nobody can while no process runs
  thief
    .openTask(taskId)
    .then((task) => task.close())
    .catch(() => undefined)
}

function heal(world: World, nodes: Nodes): void {
  world.trace('no more faults')
  world.faults.active = false
  nodes.heal()
}

interface Outside {
  readonly clients: Clients
  readonly operations: Operations
}

async function untilQuiet(world: World, live: LiveChecks, outside: Outside, nodes: Nodes): Promise<boolean> {
  const { clients, operations } = outside
  const { scheduler, faults, problems } = world
  for (;;) {
    if (faults.strike('crash', 0.0004)) {
      faults.struck('crash', -1)
      nodes.crash()
    }
    const before = scheduler.nowMs
    const more = await scheduler.step()
    live.check()
    if (problems.length > 0) return false
    const looks = scheduler.steps % QUIET_EVERY_STEPS === 0 || scheduler.nowMs > before + QUIET_EVERY_MS || !more
    const idle = clients.done() && operations.done() && live.openRuns === 0 && live.openOperations === 0
    if (looks && !faults.active && idle && isQuiet(world, nodes)) return true
    if (!more || scheduler.steps > MAX_STEPS || scheduler.nowMs > MAX_MS) {
      problems.push(`not at rest after ${scheduler.steps} steps: ${unrest(world, live, clients, nodes)}`)
      return false
    }
  }
}

function isQuiet(world: World, nodes: Nodes): boolean {
  const tasks = nodes.tasks()
  const running = tasks.length === world.partitions && tasks.every((task) => task.phase === 'running')
  return running && nodes.commitsInFlight() === 0 && unprocessed(world).length === 0
}

/** What is still to be done, by partition. */
function unprocessed(world: World): string[] {
  const { storage } = world
  const found: string[] = []
  for (const log of storage.logs.values()) {
    const { topic, partition, records } = log
    if ((TASK_TOPICS as readonly string[]).includes(topic)) {
      const committed = storage.tasks[partition]!.committed.get(topic as TaskTopic) ?? 0
      const left = records.filter((record) => record.offset >= committed && !record.handled).length
      if (left > 0) found.push(`${left} in ${topic} ${partition}`)
    } else if (topic.startsWith('execute.') && topic !== 'execute.external') {
      const next = storage.progress.get(`${topic}/${partition}`)?.next ?? 0
      const last = records.at(-1)?.offset ?? -1
      if (last >= next) found.push(`progress ${next} of ${last + 1} in ${topic} ${partition}`)
    }
  }
  return found
}

function unrest(world: World, live: LiveChecks, clients: Clients, nodes: Nodes): string {
  const tasks = nodes.tasks().map((task) => `${task.taskId} ${task.phase}`)
  const open = [...live.runs.byId.values()].filter((run) => run.end === null)
  const steps = open.map(
    (run) => `${run.runId} {${[...run.steps].map(([id, step]) => `${id}: ${step.phase} ${step.attempt}`).join(', ')}}`,
  )
  return `clients ${clients.done() ? 'done' : 'busy'}; tasks ${tasks.join(', ')}; ${live.openRuns} open runs ${steps.join(', ')}; unprocessed: ${unprocessed(world).join(', ') || 'nothing'}`
}

/** As `Log.describe` says it, at once. */
function describe({ storage }: World): PartitionInfo[] {
  return [...storage.logs.values()].map(({ topic, partition, firstOffset, nextOffset }) => {
    const task = (TASK_TOPICS as readonly string[]).includes(topic) ? storage.tasks[partition] : undefined
    const pool = topic.startsWith('execute.') ? (storage.progress.get(`${topic}/${partition}`)?.next ?? 0) : null
    const committedOffset = task === undefined ? pool : (task.committed.get(topic as TaskTopic) ?? 0)
    return { topic, partition, firstOffset, nextOffset, committedOffset }
  })
}

function hashOf(world: World): string {
  const hash = createHash('sha256')
  const logs = [...world.storage.logs.values()].sort((a, b) =>
    `${a.topic}/${a.partition}` < `${b.topic}/${b.partition}` ? -1 : 1,
  )
  for (const { topic, partition, records } of logs) {
    for (const { offset, timestampMs, key, handled, value } of records) {
      hash.update(`${topic}/${partition}/${offset}/${timestampMs}/${key}/${handled}/`)
      hash.update(value)
    }
  }
  return hash.digest('hex')
}
