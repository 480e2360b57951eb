/**
 * The changes a step can make. Each goes through the transition table, says so in one event, and queues what follows from it; `advance`
 * carries that out.
 */
import type { CompiledStep } from '../../schemas/flow/model.ts'
import type { EpochMs } from '../../schemas/ids.ts'
import type { JsonText } from '../../schemas/json.ts'
import type { ErrorInfo } from '../../schemas/records/shared.ts'
import type { SkipReason } from './join.ts'
import { changeHead, type OpenRun, stepRow } from './open-run.ts'
import { releaseSlot, stepFields, tell } from './report.ts'
import { type StepRow, UNREACHED } from './run-store.ts'
import { hasEnded, type StepState, stepMove } from './states.ts'

interface Details {
  readonly attempt?: number
  readonly dueAtMs?: EpochMs | null
  readonly error?: ErrorInfo | null
}

function move(run: OpenRun, step: CompiledStep, to: StepState, details: Details = {}): StepRow {
  const before = stepRow(run, step) ?? UNREACHED
  const row: StepRow = {
    state: stepMove(step.id, before.state, to),
    attempt: details.attempt ?? before.attempt,
    sinceMs: run.turn.now,
    dueAtMs: details.dueAtMs ?? null,
    error: details.error ?? null,
    met: before.met,
    unmet: before.unmet,
    broken: before.broken,
    order: hasEnded(to) ? run.head.ended + 1 : before.state === 'pending' ? run.head.ended : before.order,
  }
  run.steps.set(step.index, row)
  return row
}

function ended(run: OpenRun, step: CompiledStep): void {
  run.ended.push(step.index)
  changeHead(run, { ended: run.head.ended + 1 })
}

/** `attempt` may begin; route is told when the decision is saved. */
export function readyStep(run: OpenRun, step: CompiledStep, attempt: number): void {
  move(run, step, 'ready', { attempt })
  run.ready.push(step.index)
}

export function waitStep(run: OpenRun, step: CompiledStep, untilMs: EpochMs): void {
  move(run, step, 'waiting', { attempt: 1, dueAtMs: untilMs })
  tell(run, { kind: 'StepWaiting', ...stepFields(run, step.id, 1), waitsFor: 'timer', untilMs })
}

/** Who completed a step, and when. */
export interface Completion {
  readonly workerId: string | null
  readonly startedAtMs: EpochMs
  readonly finishedAtMs: EpochMs
}

export function completeStep(run: OpenRun, step: CompiledStep, output: JsonText, by: Completion): void {
  const { attempt } = move(run, step, 'completed')
  run.outputs.set(step.index, { text: output })
  const { workerId, startedAtMs, finishedAtMs } = by
  const fields = stepFields(run, step.id, attempt)
  tell(run, { kind: 'StepCompleted', ...fields, output, workerId, startedAtMs, finishedAtMs })
  ended(run, step)
}

/** Counts the step as completed with the output it had in another run; `RunAccepted` has said so. */
export function takeOverStep(run: OpenRun, step: CompiledStep, output: JsonText): void {
  move(run, step, 'completed')
  run.outputs.set(step.index, { text: output })
  ended(run, step)
}

/** For good. Unless the step is optional or the flow goes on without it, this ends the run. */
export function failStep(run: OpenRun, step: CompiledStep, status: 'failed' | 'timed_out', error: ErrorInfo): void {
  const { attempt } = move(run, step, status, { error })
  const terminal = error.class === 'terminal'
  const optional = step.optional && !terminal
  tell(run, { kind: 'StepFailed', ...stepFields(run, step.id, attempt), status, error, optional })
  ended(run, step)
  if (optional) return
  if (run.head.failedStep === null) changeHead(run, { failedStep: step.id })
  if (terminal || run.flow.onFailure === 'fail') run.fatal ??= { step, error }
}

export function retryStep(run: OpenRun, step: CompiledStep, error: ErrorInfo, retryAtMs: EpochMs): void {
  const { attempt } = move(run, step, 'retrying', { error, dueAtMs: retryAtMs })
  tell(run, { kind: 'StepRetrying', ...stepFields(run, step.id, attempt), error, retryAtMs })
  run.turn.count('step_retries')
}

export function skipStep(run: OpenRun, step: CompiledStep, reason: SkipReason): void {
  const { attempt } = move(run, step, 'skipped')
  tell(run, { kind: 'StepSkipped', ...stepFields(run, step.id, attempt), reason })
  ended(run, step)
}

/** Stops a step that was reached and has not ended. */
export function cancelStep(run: OpenRun, step: CompiledStep, row: StepRow, reason: string): void {
  const { attempt } = move(run, step, 'cancelled')
  tell(run, { kind: 'StepCancelled', ...stepFields(run, step.id, attempt), reason })
  const announced = row.state === 'ready' && !run.ready.includes(step.index)
  if (announced) releaseSlot(run, step, attempt, 'withdrawn')
}

/** Counts one more dependency that has ended. */
export function countEnd(run: OpenRun, step: CompiledStep, ends: Pick<StepRow, 'met' | 'unmet' | 'broken'>): void {
  run.steps.set(step.index, { ...UNREACHED, ...ends })
}
