/** What executors tell, counted. */
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Pool } from '../../schemas/topics.ts'
import type { ExecutorObserver } from '../../topology/executor/observer.ts'
import { fastCounter, fastHistogram } from './fast-counts.ts'
import { TopKeys } from './top-keys.ts'

const STEP_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300]
const WAIT_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120]

/** Flows choose their own error codes; beyond this many they are counted together. */
const MAX_ERROR_CODES = 200
const COUNTED_TENANTS = 200
const SHOWN_TENANTS = 20

interface StepHandles {
  readonly received: () => void
  readonly completed: () => void
  readonly duration: (seconds: number) => void
  readonly wait: (seconds: number) => void
}

/** `next` is told everything too, e.g. for logs. */
export function createExecutorMetrics(registry: Registry, next?: ExecutorObserver): ExecutorObserver {
  const registers = [registry]
  const counter = (name: string, help: string, labelNames: string[]): Counter =>
    new Counter({ name, help, labelNames, registers })
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, labelNames: ['pool'], registers })
  const labelNames = ['pool', 'block'] as const
  const received = fastCounter({ name: 'task_received', help: 'Steps started.', labelNames, registers })
  const completed = fastCounter({
    name: 'task_completed',
    help: 'Steps that ended with success.',
    labelNames,
    registers,
  })
  const failed = counter('task_failed', 'Steps that ended with an error.', ['pool', 'block', 'error_code'])
  const timedOut = counter('task_timeout', 'Steps that ran out of time.', ['pool', 'block'])
  const cancelled = counter('beamline_steps_cancelled_total', 'Steps that were told to stop.', ['pool', 'block'])
  const durations = fastHistogram(registry, {
    name: 'task_duration_seconds',
    help: 'Run time of steps.',
    labelNames,
    buckets: STEP_BUCKETS,
  })
  const waits = fastHistogram(registry, {
    name: 'beamline_step_wait_seconds',
    help: 'From assignment to start.',
    labelNames: ['pool'],
    buckets: WAIT_BUCKETS,
  })
  const running = gauge('tasks_in_progress', 'Steps running.')
  const queued = gauge('beamline_steps_read_ahead', 'Steps read and not started.')
  const partitions = gauge('beamline_pool_partitions', 'Partitions of the pool that this process has.')
  const unreported = gauge('beamline_unreported_result_bytes', 'Results that wait to be durable.')
  const trouble = counter('beamline_executor_events_total', 'Unusual events of executors.', ['pool', 'event'])
  const orphans = gauge('beamline_orphaned_steps', 'Blocks that did not end when they were told to, and run on.')
  const tenants = new TopKeys(COUNTED_TENANTS)
  new Gauge({
    name: 'beamline_tenant_steps',
    help: `Steps ended since the start of this process, of the ${SHOWN_TENANTS} tenants with the most; a little too low where there are many.`,
    labelNames: ['tenant_id'],
    registers,
    collect() {
      this.reset()
      for (const [tenant, steps] of tenants.top(SHOWN_TENANTS)) this.labels(tenant).set(steps)
    },
  })
  const handles = new Map<string, StepHandles>()
  const waitsOf = new Map<Pool, StepHandles['wait']>()
  const waitOf = (pool: Pool): StepHandles['wait'] => {
    const known = waitsOf.get(pool) ?? waits({ pool })
    waitsOf.set(pool, known)
    return known
  }
  const codes = new Set<string>()
  // Looking labels up costs more than counting, and steps are many: done once per pool and block.
  const handlesOf = (pool: Pool, block: string): StepHandles => {
    const key = `${pool} ${block}`
    let known = handles.get(key)
    if (known === undefined) {
      known = {
        received: received({ pool, block }),
        completed: completed({ pool, block }),
        duration: durations({ pool, block }),
        wait: waitOf(pool),
      }
      handles.set(key, known)
    }
    return known
  }
  const codeLabel = (code: string | null): string => {
    if (code === null || (!codes.has(code) && codes.size >= MAX_ERROR_CODES)) return 'other'
    codes.add(code)
    return code
  }
  return {
    started(pool, block) {
      handlesOf(pool, block).received()
      next?.started(pool, block)
    },
    finished(step) {
      const { pool, block, status, errorCode } = step
      const handle = handlesOf(pool, block)
      if (status === 'success') handle.completed()
      else if (status === 'timeout') timedOut.labels(pool, block).inc()
      else if (status === 'cancelled') cancelled.labels(pool, block).inc()
      else failed.labels(pool, block, codeLabel(errorCode)).inc()
      tenants.add(step.tenant)
      handle.duration(step.durationMs / 1000)
      handle.wait(step.waitedMs / 1000)
      next?.finished(step)
    },
    load(pool, load) {
      running.labels(pool).set(load.running)
      queued.labels(pool).set(load.queued)
      partitions.labels(pool).set(load.partitions)
      unreported.labels(pool).set(load.unreportedBytes)
      orphans.labels(pool).set(load.orphans)
      next?.load(pool, load)
    },
    assigned: (pool, partition) => next?.assigned(pool, partition),
    revoked: (pool, partition) => next?.revoked(pool, partition),
    ...(next?.logged === undefined ? {} : { logged: next.logged }),
    ...(next?.progressed === undefined ? {} : { progressed: next.progressed }),
    orphaned(pool, step) {
      trouble.labels(pool, 'orphaned').inc()
      next?.orphaned(pool, step)
    },
    duplicate(pool, partition) {
      trouble.labels(pool, 'duplicate').inc()
      next?.duplicate(pool, partition)
    },
    carriedForward(pool, partition, records) {
      trouble.labels(pool, 'carried_forward').inc(records)
      next?.carriedForward(pool, partition, records)
    },
    deadLettered(pool, partition, offset, code, message) {
      trouble.labels(pool, 'dead_lettered').inc()
      next?.deadLettered(pool, partition, offset, code, message)
    },
    reportFailed(pool, partition, attempt, error) {
      trouble.labels(pool, 'report_failed').inc()
      next?.reportFailed(pool, partition, attempt, error)
    },
    stopped(pool, partition, error) {
      trouble.labels(pool, 'partition_stopped').inc()
      next?.stopped(pool, partition, error)
    },
    rejoining(pool, error) {
      trouble.labels(pool, 'rejoining').inc()
      next?.rejoining(pool, error)
    },
  }
}
