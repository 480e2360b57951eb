/** Listens to what tasks and executors say: counts what faults led to, and takes what must never happen for a problem. */
import { type ExecutorObserver, SILENT_OBSERVER } from '../../topology/executor/observer.ts'
import type { TaskObserver } from '../../topology/task/observer.ts'
import { THROWING_FLOW, type World } from './world.ts'

export function taskObserver(world: World, name: string): TaskObserver {
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

export function executorObserver(world: World, name: string): ExecutorObserver {
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
