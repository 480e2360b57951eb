/** What tasks tell, as log lines. Routine goes unsaid: that is what metrics are for. */
import type { RecordSubject, TaskObserver } from '../../topology/task/observer.ts'
import type { LogFields, Logger } from './logger.ts'

const SLOW_RESTORE_MS = 1000

const nothing = (): void => {}

export function createTaskLog(logger: Logger): TaskObserver {
  const log = logger.child({ component: 'task' })
  return {
    phase: (taskId, phase) => log.debug({ task: taskId, phase }, `task ${taskId} is ${phase}`),
    restored: (taskId, { keys, durationMs, fromSnapshot }) =>
      // a quick one is routine
      log[durationMs < SLOW_RESTORE_MS ? 'debug' : 'info'](
        { task: taskId, keys, latency_ms: Math.round(durationMs), from_snapshot: fromSnapshot },
        'task restored',
      ),
    restoreProgress: (taskId, done, total) => log.info({ task: taskId, done, total }, 'restoring'),
    committed: nothing,
    counted: nothing,
    deadLettered: (taskId, topic, offset, code, message, about) =>
      log.warn(
        {
          task: taskId,
          position: `${topic}/${taskId}/${offset}`,
          error_code: code,
          reason: message,
          ...fieldsOf(about),
        },
        'dead letter',
      ),
    reopening: (taskId, error) => log.warn({ task: taskId, error }, 'the task discards its state and opens again'),
    snapshotFailed: (taskId, error) => log.warn({ task: taskId, error }, 'the snapshot could not be written'),
  }
}

/** What names the run that a line concerns, and the step and attempt if it concerns one. */
function fieldsOf(about: RecordSubject | undefined): LogFields {
  if (about === undefined) return {}
  const { runId, stepId, attempt, traceId } = about
  return {
    run_id: runId,
    ...(stepId === null ? {} : { step_id: stepId }),
    ...(attempt === null ? {} : { attempt }),
    ...(traceId === null ? {} : { trace_id: traceId }),
  }
}
