/** What executors tell, as log lines; steps that end, well or badly, are not among them, what they write themselves is. */
import type { ExecuteStep } from '../../schemas/records/execute.ts'
import { traceIdOfRun } from '../../schemas/trace-context.ts'
import { type ExecutorObserver, SILENT_OBSERVER } from '../../topology/executor/observer.ts'
import type { LogFields, Logger } from './logger.ts'

const PROGRESS_CHARS = 1_000

export function createExecutorLog(logger: Logger): ExecutorObserver {
  const log = logger.child({ component: 'executor' })
  const steps = logger.child({ component: 'step' })
  return {
    ...SILENT_OBSERVER,
    assigned: (pool, partition) => log.debug({ pool, partition }, 'partition assigned'),
    revoked: (pool, partition) => log.debug({ pool, partition }, 'partition revoked'),
    logged: (step, { level, message }) => steps[level](fieldsOf(step), message),
    progressed: (step, value) => {
      const progress = JSON.stringify(value)?.slice(0, PROGRESS_CHARS)
      steps.debug({ ...fieldsOf(step), progress }, 'progress')
    },
    orphaned: (pool, step) => log.warn({ pool, ...fieldsOf(step) }, 'a block did not end when it was told to'),
    deadLettered: (pool, partition, offset, code, message) =>
      log.warn(
        { position: `execute.${pool}/${partition}/${offset}`, error_code: code, reason: message },
        'dead letter',
      ),
    reportFailed: (pool, partition, attempt, error) =>
      log.warn({ pool, partition, attempt, error }, 'results could not be reported'),
    stopped: (pool, partition, error) =>
      log.error({ pool, partition, error }, 'the partition cannot be read on and stands still'),
    rejoining: (pool, error) => log.warn({ pool, error }, 'the pool is joined anew'),
  }
}

/** What names an attempt, in every line that concerns one. */
function fieldsOf({ tenant, flow, runId, stepId, attempt, block, traceparent }: ExecuteStep): LogFields {
  const trace = traceIdOfRun(runId, traceparent)
  return { tenant_id: tenant, flow_id: flow, run_id: runId, step_id: stepId, attempt, block, trace_id: trace }
}
