/** An attempt ended. Its first ending counts; what comes later is dropped. */
import type { CompiledStep } from '../../schemas/flow/model.ts'
import type { JsonText } from '../../schemas/json.ts'
import type { AttemptFinished, AttemptStatus } from '../../schemas/records/result.ts'
import type { ErrorInfo } from '../../schemas/records/shared.ts'
import type { Turn } from '../turn.ts'
import { settle } from './advance.ts'
import { attemptIsWanted } from './attempt-input.ts'
import { attemptFailure } from './failures.ts'
import { changeHead, type OpenRun, openRun } from './open-run.ts'
import { releaseSlot } from './report.ts'
import { isRetried, retryDelayMs } from './retry.ts'
import { drawnNumber } from './run-random.ts'
import { completeStep, failStep, retryStep } from './steps.ts'
import { traceUnbegun } from './trace.ts'

export function onAttemptFinished(turn: Turn, record: AttemptFinished): void {
  const { runId, stepId, attempt, status } = record
  const run = attemptIsWanted(turn, runId, stepId, attempt) ? openRun(turn, runId) : null
  if (run === null) {
    turn.count('late_results_dropped')
    return
  }
  const step = run.flow.byId.get(stepId)!
  releaseSlot(run, step, attempt, 'finished')
  traceUnbegun(run, step, record)
  if (status === 'success') completeStep(run, step, record.output ?? ('null' as JsonText), record)
  else endFailedAttempt(run, step, attempt, status, record.error ?? attemptFailure(status))
  settle(run)
}

function endFailedAttempt(
  run: OpenRun,
  step: CompiledStep,
  attempt: number,
  status: Exclude<AttemptStatus, 'success'>,
  error: ErrorInfo,
): void {
  if (isRetried(step.retry, attempt, error)) {
    const delayMs = retryDelayMs(step.retry, attempt, error, step.retry.jitter === 0 ? 0.5 : draw(run))
    retryStep(run, step, error, run.turn.now + delayMs)
  } else {
    failStep(run, step, status === 'timeout' ? 'timed_out' : 'failed', error)
  }
}

function draw(run: OpenRun): number {
  const drawn = drawnNumber(run.head.seed, run.head.draws)
  changeHead(run, { draws: run.head.draws + 1 })
  return drawn
}
