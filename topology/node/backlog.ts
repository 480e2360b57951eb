/** What the tasks of a process have not finished, by what it waits for; asked when metrics are read. */
import { LETTERS } from '../../processors/dlq/stores.ts'
import { OPERATIONS } from '../../processors/operations/stores.ts'
import { RUNS, STEPS } from '../../processors/result/run-store.ts'
import { SLOTS } from '../../processors/route/slots.ts'
import { LANES, WORKERS } from '../../processors/route/stores.ts'
import { WAITING } from '../../processors/route/waiting.ts'
import type { OperationAction } from '../../schemas/records/operations.ts'
import type { Pool } from '../../schemas/topics.ts'
import type { TaskState } from '../task/state.ts'

/** `retry`: its next attempt; `timer`: a time; `slot`: a window, limit or rate; `worker`: a worker of its pool; `running`: its worker. */
export const BACKLOG_REASONS = ['retry', 'timer', 'slot', 'worker', 'running'] as const
export type BacklogReason = (typeof BACKLOG_REASONS)[number]

export interface Backlog {
  readonly unfinishedRuns: number
  /** Steps. */
  readonly steps: { readonly [R in BacklogReason]: number }
  readonly openLetters: number
  /** Bulk operations that are going on here, by action. */
  readonly operations: { readonly [A in OperationAction]: number }
}

/** Retries and timers are counted among the first so many steps of a task: a look at all of them would hold up its decisions. */
const LOOKED_AT = 20_000

export function backlogOf(tasks: Iterable<{ readonly state: TaskState | null }>): Backlog {
  const steps = { retry: 0, timer: 0, slot: 0, worker: 0, running: 0 }
  let unfinishedRuns = 0
  let openLetters = 0
  const states = [...tasks].map(({ state }) => state).filter((state) => state !== null)
  for (const state of states) {
    unfinishedRuns += state.store(RUNS).rows.size
    openLetters += state.store(LETTERS).rows.size
    countWaiting(state, steps)
    let looked = 0
    for (const { state: stepState } of state.store(STEPS).rows.values()) {
      if (++looked > LOOKED_AT) break
      if (stepState === 'retrying') steps.retry++
      else if (stepState === 'waiting') steps.timer++
    }
  }
  return { unfinishedRuns, steps, openLetters, operations: operationsIn(states) }
}

/** One that several tasks are at counts once. */
function operationsIn(states: readonly TaskState[]): Backlog['operations'] {
  const running = new Map<string, OperationAction>()
  for (const state of states) {
    for (const [id, row] of state.store(OPERATIONS).rows) if (row.state === 'running') running.set(id, row.action)
  }
  const operations = { cancel: 0, retry: 0, rerun: 0, replay: 0, discard: 0 }
  for (const action of running.values()) operations[action]++
  return operations
}

function countWaiting(state: TaskState, steps: { [R in BacklogReason]: number }): void {
  const served = new Set<string>()
  for (const key of state.store(WORKERS).rows.keys()) served.add(poolOf(key))
  const waiting = state.index(WAITING)
  for (const key of state.store(LANES).rows.keys()) {
    const pool = poolOf(key)
    steps[served.has(pool) ? 'slot' : 'worker'] += waiting.count(pool, key.slice(pool.length + 1))
  }
  const slots = state.index(SLOTS)
  for (const pool of ['cpu', 'io', 'gpu', 'external'] as const) steps.running += slots.ofPool(pool)
}

/** Keys begin with a pool and a slash. */
function poolOf(key: string): Pool {
  return key.slice(0, key.indexOf('/')) as Pool
}
