/** What an attempt is given; called by route when it assigns the attempt. Reads only. */
import type { RunId, StepId } from '../../schemas/ids.ts'
import type { JsonText } from '../../schemas/json.ts'
import type { ErrorInfo } from '../../schemas/records/shared.ts'
import { PayloadAway, type Turn } from '../turn.ts'
import { expressionFailure } from './failures.ts'
import { stepRow, viewRun } from './open-run.ts'
import { STEPS, stepKey } from './run-store.ts'
import { templateText } from './template-text.ts'

export type AttemptInput =
  | {
      readonly ok: true
      readonly flow: string
      readonly version: number
      readonly block: string
      readonly input: JsonText
      readonly timeoutMs: number
      readonly traceparent: string | null
    }
  | { readonly ok: false; readonly error: ErrorInfo }

/** False once nobody wants the attempt any more: the run has ended, or the step went on without it. */
export function attemptIsWanted(turn: Turn, runId: RunId, stepId: StepId, attempt: number): boolean {
  const row = turn.get(STEPS, stepKey(runId, stepId))
  return row !== undefined && row.state === 'ready' && row.attempt === attempt
}

/**
 * The attempt's rendered input, or the error of a template that cannot be rendered: the caller then ends the attempt with it.
 * It is the same for every attempt, whatever has ended since the step began. `null`: nobody wants the attempt any more ({@link attemptIsWanted}).
 */
export function attemptInput(turn: Turn, runId: RunId, stepId: StepId, attempt: number): AttemptInput | null {
  if (!attemptIsWanted(turn, runId, stepId, attempt)) return null
  const run = viewRun(turn, runId)
  const step = run?.flow.byId.get(stepId)
  if (run === null || step === undefined || step.action.kind !== 'block') return null
  const { flow, version, traceparent } = run.head
  try {
    const input = templateText(run, step.action.with, stepRow(run, step)!.order)
    return { ok: true, flow, version, block: step.action.block, input, timeoutMs: step.timeoutMs, traceparent }
  } catch (thrown) {
    // the others are looked at before this one is decided again, so that what they want is fetched along with it
    if (thrown instanceof PayloadAway) {
      if (thrown.enough) throw thrown
      return null
    }
    return { ok: false, error: expressionFailure(thrown) }
  }
}
