/** What must hold once everything has come to rest. */
import { isDeepStrictEqual } from 'node:util'
import { PAYLOADS, RUNS, STEPS } from '../../processors/result/run-store.ts'
import { QUEUE } from '../../processors/route/stores.ts'
import { parseJson } from '../../schemas/json.ts'
import type { EventRecord, RecordOfKind } from '../../schemas/records/index.ts'
import type { PartitionInfo } from '../../topology/log/port.ts'
import { TaskState } from '../../topology/task/state.ts'
import type { Task } from '../../topology/task/task.ts'
import type { Topology } from '../../topology/topology.ts'
import type { VerifyReport } from '../../topology/verify/report.ts'
import { Verifier } from '../../topology/verify/verifier.ts'
import { SIMULATED } from './blocks.ts'
import { read } from './live-checks.ts'
import { expectedOutcome, type RunInput } from './reference.ts'
import type { World } from './world.ts'

/** The checker of `beamline verify`, on all that was written. */
export function verifyWorld(world: World, positions: readonly PartitionInfo[]): VerifyReport {
  const effectBlocks = SIMULATED.filter(({ effect }) => effect).map(({ type }) => type)
  const verifier = new Verifier(positions, { partitions: world.partitions, settled: true, effectBlocks })
  const logs = [...world.storage.logs.values()].sort(
    (a, b) => Number(b.topic === 'control') - Number(a.topic === 'control'),
  )
  for (const log of logs) for (const record of log.records) verifier.add(record)
  for (const line of world.effects.lines) verifier.effect(line)
  for (const line of world.client) verifier.client(line)
  const report = verifier.finish()
  for (const { code, where, message } of report.violations) world.problems.push(`${code} at ${where}: ${message}`)
  if (!report.complete) world.problems.push(`the check is not complete: ${report.notes.join('; ')}`)
  return report
}

/** No run leaves rows behind, and what a restart would restore is what the task holds. */
export function checkTasks(world: World, tasks: readonly Task[], topology: Topology): void {
  for (const task of tasks) {
    const { state, taskId } = task
    if (state === null) continue
    const left = {
      runs: state.store(RUNS),
      steps: state.store(STEPS),
      payloads: state.store(PAYLOADS),
      queue: state.store(QUEUE),
    }
    for (const [name, { rows }] of Object.entries(left)) {
      for (const key of rows.keys()) world.problems.push(`task ${taskId} keeps row '${key}' in store '${name}'`)
    }
    const restored = new TaskState(topology.processors, taskId, world.partitions)
    const durable = world.storage.tasks[taskId]!
    for (const [key, value] of durable.folded) restored.restore({ key, value })
    for (const batch of durable.batches) for (const entry of batch.entries) restored.restore(entry)
    compareStates(world, taskId, state, restored)
  }
}

function compareStates(world: World, taskId: number, live: TaskState, restored: TaskState): void {
  const rows = (state: TaskState) =>
    new Map([...state.entries()].map(({ key, value }) => [key, Buffer.from(value!).toString('hex')]))
  const [a, b] = [rows(live), rows(restored)]
  for (const key of new Set([...a.keys(), ...b.keys()])) {
    if (a.get(key) === b.get(key)) continue
    const side = (map: typeof a) => (map.has(key) ? map.get(key) : 'nothing')
    world.problems.push(`task ${taskId}: row ${JSON.stringify(key)} is ${side(a)} live and ${side(b)} restored`)
  }
  const due = (state: TaskState) => JSON.stringify(state.due.first()?.dueAt ?? null)
  if (due(live) !== due(restored)) {
    world.problems.push(`task ${taskId}: first due row at ${due(live)} live and ${due(restored)} restored`)
  }
}

export interface RunOutcome {
  readonly runId: string
  /** Flow, version, input and what was taken over: what the outcome depends on. */
  readonly request: string
  readonly status: string
  readonly output: unknown
  /** What it had to be, where faults left no choice. */
  readonly determined: boolean
}

type Accepted = RecordOfKind<'RunAccepted'>

/** Every run ended as the reference says, unless it was cancelled, ran out of time, or lost an attempt. */
export function checkOutcomes(world: World, cancelled: ReadonlySet<string>): RunOutcome[] {
  const accepted = new Map<string, Accepted>()
  const outputs = new Map<string, unknown>()
  const disturbed = disturbedRuns(world)
  const outcomes: RunOutcome[] = []
  const events: EventRecord[] = [...world.storage.logs.values()]
    .filter((log) => log.topic === 'events')
    .flatMap((log) => log.records.map((record) => read(record) as EventRecord))
  for (const event of events) {
    if (event.kind === 'RunAccepted') accepted.set(event.runId, event)
    if (event.kind === 'StepCompleted') outputs.set(`${event.runId}/${event.stepId}`, parseJson(event.output))
  }
  for (const event of events) {
    if (event.kind === 'RunCompleted') judge(event.runId, 'completed', parseJson(event.output))
    if (event.kind === 'RunFailed') judge(event.runId, 'failed', null)
    if (event.kind === 'RunCancelled') judge(event.runId, 'cancelled', null)
    if (event.kind === 'RunTimedOut') judge(event.runId, 'timed_out', null)
  }
  for (const runId of cancelled) {
    const status = outcomes.find((outcome) => outcome.runId === runId)?.status
    if (status !== 'cancelled')
      world.problems.push(`run ${runId} was cancelled, a client was told so, and it ended as ${status}`)
  }
  return outcomes

  function judge(runId: string, status: string, output: unknown): void {
    const run = accepted.get(runId)
    if (run === undefined) return
    const flow = world.flows.get(`${run.flow}/${run.version}`)!
    const expected = expectedOutcome(flow, parseJson(run.input) as unknown as RunInput, takenOver(run))
    const free = status === 'cancelled' || (status === 'timed_out' && flow.deadlineMs !== null) || disturbed.has(runId)
    const request = JSON.stringify([run.flow, run.version, run.input, run.takenOver])
    outcomes.push({ runId, request, status, output, determined: !free })
    if (free) return
    const asExpected =
      expected.status === status && (expected.status === 'failed' || isDeepStrictEqual(expected.output, output))
    if (asExpected) return
    world.problems.push(
      `run ${runId} of ${run.flow} ${run.version} with ${run.input} ended as ${status} ${JSON.stringify(output)}; expected ${JSON.stringify(expected)}`,
    )
  }

  /** Outputs taken over come from the run that was replayed, which may have taken them over itself. */
  function takenOver(run: Accepted): Map<string, unknown> {
    const taken = new Map<string, unknown>()
    for (const stepId of run.takenOver) {
      let from: Accepted | undefined = run
      while (from !== undefined && !outputs.has(`${from.runId}/${stepId}`)) from = accepted.get(from.replayOf ?? '')
      taken.set(stepId, from === undefined ? undefined : outputs.get(`${from.runId}/${stepId}`))
    }
    return taken
  }
}

/** Runs that lost an attempt, or had one time out that was not meant to. */
function disturbedRuns(world: World): Set<string> {
  const disturbed = new Set<string>()
  for (const log of world.storage.logs.values()) {
    if (log.topic !== 'result') continue
    for (const record of log.records) {
      const message = read(record)
      if (message?.kind !== 'AttemptFinished') continue
      if (message.status === 'lost' || message.status === 'timeout') disturbed.add(message.runId)
      const { error } = message
      if (error === null || KNOWN_ERRORS.has(error.code)) continue
      world.problems.push(`attempt ${message.runId}/${message.stepId} ended with ${error.code}: ${error.message}`)
    }
  }
  return disturbed
}

const KNOWN_ERRORS: ReadonlySet<string> = new Set(['SIMULATED', 'TIMEOUT', 'WORKER_LOST', 'CANCELLED'])
