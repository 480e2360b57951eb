/** What tasks tell, counted. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { COUNTER_NAMES, type TaskObserver, type TaskPhase } from '../../topology/task/observer.ts'

const COMMIT_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]
const LAG_BUCKETS = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 3600]
const PHASES: readonly TaskPhase[] = ['opening', 'restoring', 'running', 'draining', 'stopped']

/** Some have names that the older systems had. */
const COUNTERS: { readonly [N in (typeof COUNTER_NAMES)[number]]: readonly [name: string, help: string] } = {
  sticky_hits: ['router_sticky_hits_total', 'Steps that went to the worker of their sticky key.'],
  sticky_misses: ['router_sticky_miss_total', 'Steps with a sticky key whose worker was not there.'],
  warm_hits: [
    'beamline_kernel_warm_total',
    'Kernel steps that went to a worker where the kernel is compiled, with others where it is not.',
  ],
  warm_misses: [
    'beamline_kernel_cold_total',
    'Kernel steps that went to a worker where the kernel is not compiled, because those where it is had more to do.',
  ],
  duplicate_submissions: ['router_idempotency_hit_total', 'Submissions that were accepted before.'],
  late_results_dropped: ['beamline_late_results_dropped_total', 'Ends of attempts that were not awaited any more.'],
  late_commands_dropped: ['beamline_late_commands_dropped_total', 'Commands about what had ended already.'],
  idempotency_evictions: [
    'beamline_idempotency_evictions_total',
    'Idempotency keys that were forgotten before their time.',
  ],
  records_forwarded: ['beamline_records_forwarded_total', 'Records passed on to the task whose they are.'],
  step_retries: ['beamline_step_retries_total', 'Attempts that failed and are followed by another.'],
  dead_letters_evicted: ['beamline_dead_letters_evicted_total', 'Dead letters that were given up for want of room.'],
}

/** `next` is told everything too, e.g. for logs. */
export function createTaskMetrics(registry: Registry, next?: TaskObserver): TaskObserver {
  const registers = [registry]
  const counter = (name: string, help: string, labelNames: string[] = []): Counter =>
    new Counter({ name, help, labelNames, registers })
  const gauge = (name: string, help: string, labelNames: string[]): Gauge =>
    new Gauge({ name, help, labelNames, registers })
  const records = counter('beamline_task_records_total', 'Outside records decided.')
  const fused = counter('beamline_task_fused_records_total', 'Records decided within the commit that appends them.')
  const emitted = counter('beamline_task_emitted_records_total', 'Records appended by tasks.')
  const writes = counter('beamline_task_state_writes_total', 'State entries written.')
  const commits = counter('beamline_task_commits_total', 'Commits.')
  const decideTime = counter('beamline_task_decide_seconds_total', 'Time spent deciding.')
  const commitTime = new Histogram({
    name: 'beamline_task_commit_seconds',
    help: 'From the request of a commit to its durability.',
    buckets: COMMIT_BUCKETS,
    registers,
  })
  const deadLetters = counter('router_intake_dlq_messages_total', 'Records that became dead letters.', ['reason'])
  const reopened = counter('beamline_task_reopened_total', 'Tasks that discarded their state and opened again.', [
    'task',
  ])
  const phases = gauge('beamline_task_phase', '1 for the phase the task is in.', ['task', 'phase'])
  const restored = gauge('beamline_task_restored_keys', 'State entries at the last restore.', ['task'])
  const restoreTime = gauge('beamline_task_restore_seconds', 'Duration of the last restore.', ['task'])
  const lag = new Histogram({
    name: 'beamline_task_lag_seconds',
    help: 'Age of the oldest record of a commit, from its append to its decision.',
    buckets: LAG_BUCKETS,
    registers,
  })
  const counted = new Map<string, Counter>(COUNTER_NAMES.map((name) => [name, counter(...COUNTERS[name])]))
  const items = counter(
    'beamline_operation_items_total',
    'Items of bulk operations that are through, by action and outcome: done, skipped (there was nothing to do any more) or failed (refused).',
    ['action', 'outcome'],
  )
  return {
    phase(taskId, phase) {
      for (const other of PHASES) phases.labels(String(taskId), other).set(other === phase ? 1 : 0)
      next?.phase(taskId, phase)
    },
    restored(taskId, stats) {
      restored.labels(String(taskId)).set(stats.keys)
      restoreTime.labels(String(taskId)).set(stats.durationMs / 1000)
      next?.restored(taskId, stats)
    },
    restoreProgress: (taskId, done, total) => next?.restoreProgress(taskId, done, total),
    committed(stats) {
      records.inc(stats.records)
      fused.inc(stats.fused)
      emitted.inc(stats.emitted)
      writes.inc(stats.writes)
      commits.inc()
      decideTime.inc(stats.decideMs / 1000)
      commitTime.observe(stats.commitMs / 1000)
      lag.observe(Math.max(0, stats.lagMs) / 1000)
      next?.committed(stats)
    },
    counted(taskId, name, by) {
      const [kind, action, outcome] = name.split('/')
      if (kind === 'operation') items.labels(action!, outcome!).inc(by)
      else counted.get(name)?.inc(by)
      next?.counted(taskId, name, by)
    },
    deadLettered(taskId, topic, offset, code, message, about) {
      deadLetters.labels(code).inc()
      next?.deadLettered(taskId, topic, offset, code, message, about)
    },
    reopening(taskId, error) {
      reopened.labels(String(taskId)).inc()
      next?.reopening(taskId, error)
    },
    snapshotFailed: (taskId, error) => next?.snapshotFailed?.(taskId, error),
  }
}
