/**
 * The ends of a run. Each stops what is still going on, deletes the run's rows and says how the run ended, in the last event of the run. A run
 * that failed or timed out leaves a dead letter.
 */
import type { CompiledStep } from '../../schemas/flow/model.ts'
import type { JsonText } from '../../schemas/json.ts'
import type { EventRecord } from '../../schemas/records/index.ts'
import type { ErrorInfo } from '../../schemas/records/shared.ts'
import { startKeyExpiry } from '../ingest/known-runs.ts'
import type { TracedRun } from '../traced.ts'
import { sendLetter } from './dead-letter.ts'
import { expressionFailure, failure } from './failures.ts'
import { type OpenRun, stepRow } from './open-run.ts'
import { runFields, tell } from './report.ts'
import { runOutput } from './run-output.ts'
import { metadataKey, PAYLOADS, RUNS, STEPS, stepKey } from './run-store.ts'
import { hasEnded, runMove } from './states.ts'
import { cancelStep } from './steps.ts'
import { traceRun } from './trace.ts'

/** All steps have ended. */
export function completeRun(run: OpenRun): void {
  const { failedStep } = run.head
  if (failedStep !== null) {
    const step = run.flow.byId.get(failedStep)!
    failRun(run, step, stepRow(run, step)!.error!)
    return
  }
  const output = outputOrError(run)
  if (typeof output === 'string') end(run, 'completed', { kind: 'RunCompleted', ...runFields(run), output })
  else failRun(run, null, output)
}

function outputOrError(run: OpenRun): JsonText | ErrorInfo {
  try {
    return runOutput(run)
  } catch (thrown) {
    const { code, message, detail } = expressionFailure(thrown)
    return { ...failure('OUTPUT_EXPRESSION', 'permanent', `the flow’s output failed with ${code}: ${message}`), detail }
  }
}

/** `step`: the one whose failure ends the run; `null` when it is the run itself. */
export function failRun(run: OpenRun, step: CompiledStep | null, error: ErrorInfo): void {
  const failedStep = step?.id ?? null
  stopSteps(run, 'run_failed')
  const letterId = sendLetter(run, failedStep, error)
  end(run, 'failed', { kind: 'RunFailed', ...runFields(run), error, failedStep, letterId })
}

/** The deadline has passed. */
export function timeOutRun(run: OpenRun, deadlineAtMs: number): void {
  stopSteps(run, 'run_timed_out')
  const took = deadlineAtMs - run.head.startedAtMs
  const error = failure(
    'RUN_TIMED_OUT',
    'permanent',
    `the run had not ended at its deadline, ${took} ms after its start`,
  )
  const letterId = sendLetter(run, null, error)
  end(run, 'timed_out', { kind: 'RunTimedOut', ...runFields(run), deadlineAtMs, letterId })
}

export function cancelRun(run: OpenRun, reason: string | null, requestedBy: string | null): void {
  stopSteps(run, 'run_cancelled')
  end(run, 'cancelled', { kind: 'RunCancelled', ...runFields(run), reason, requestedBy })
}

function stopSteps(run: OpenRun, reason: string): void {
  for (const step of run.flow.steps) {
    const row = stepRow(run, step)
    if (row !== undefined && row.state !== 'pending' && !hasEnded(row.state)) cancelStep(run, step, row, reason)
  }
}

function end(run: OpenRun, state: TracedRun['status'], event: EventRecord): void {
  runMove(run.id, run.head.state, state)
  tell(run, event)
  traceRun(run, state, event.kind === 'RunFailed' ? event.error.code : null)
  deleteRows(run)
  if (run.head.idempotencyKey !== null) startKeyExpiry(run.turn, run.head.tenant, run.head.idempotencyKey, run.id)
  run.over = true
}

function deleteRows({ turn, id, flow }: OpenRun): void {
  if (turn.get(RUNS, id) !== undefined) turn.delete(RUNS, id)
  turn.delete(PAYLOADS, id)
  if (turn.get(PAYLOADS, metadataKey(id)) !== undefined) turn.delete(PAYLOADS, metadataKey(id))
  for (const step of flow.steps) {
    const key = stepKey(id, step.id)
    const stored = turn.get(STEPS, key)
    if (stored === undefined) continue
    turn.delete(STEPS, key)
    if (stored.state === 'completed') turn.delete(PAYLOADS, key)
  }
}
