/**
 * What follows from steps that have ended: the steps after them begin, are skipped or go on waiting, until nothing follows any more; then the
 * run goes on or ends. Works through a list, not by recursion, so that a chain of any length is fine.
 */
import type { CompiledStep, Expression } from '../../schemas/flow/model.ts'
import type { EpochMs } from '../../schemas/ids.ts'
import type { ErrorInfo } from '../../schemas/records/shared.ts'
import { completeRun, failRun } from './end-run.ts'
import { expressionFailure } from './failures.ts'
import { joinVerdict } from './join.ts'
import { type OpenRun, saveRun, stepRow } from './open-run.ts'
import { type Edge, planOf } from './plan.ts'
import { announceReady } from './report.ts'
import { MAX_WAIT_MS } from './retry.ts'
import { type StepRow, UNREACHED } from './run-store.ts'
import { scopeOf } from './scope.ts'
import { countEnd, failStep, readyStep, skipStep, waitStep } from './steps.ts'
import { isTrue } from './truth.ts'
import { parseInstant } from './wait-until.ts'

/** Carries out what follows, ends the run if that is due, and writes everything. The last thing a decision does. */
export function settle(run: OpenRun): void {
  const plan = planOf(run.flow)
  for (let next = 0; next < run.ended.length && run.fatal === null; next++) {
    const from = run.flow.steps[run.ended[next]!]!
    for (const edge of plan.edges[from.index]!) {
      if (run.fatal === null) follow(run, from, edge)
    }
  }
  if (run.fatal !== null) failRun(run, run.fatal.step, run.fatal.error)
  else if (run.head.ended === run.flow.steps.length) completeRun(run)
  if (run.over) return
  saveRun(run)
  for (const index of run.ready) {
    const step = run.flow.steps[index]!
    announceReady(run, step, stepRow(run, step)!.attempt)
  }
}

type EdgeEnd = 'met' | 'unmet' | 'broken'

function follow(run: OpenRun, from: CompiledStep, { to, condition }: Edge): void {
  const row = stepRow(run, to) ?? UNREACHED
  if (row.state !== 'pending') return
  let end = endOf(from, stepRow(run, from)!)
  if (end === 'met' && condition !== null) {
    const held = holds(run, condition)
    if (typeof held !== 'boolean') {
      failStep(run, to, 'failed', held)
      return
    }
    if (!held) end = 'unmet'
  }
  const ends = {
    met: row.met + (end === 'met' ? 1 : 0),
    unmet: row.unmet + (end === 'unmet' ? 1 : 0),
    broken: row.broken + (end === 'broken' ? 1 : 0),
  }
  const verdict = joinVerdict(to.join, to.dependencies.length, ends)
  if (verdict === 'wait') countEnd(run, to, ends)
  else if (verdict === 'run') beginStep(run, to)
  else skipStep(run, to, verdict)
}

function holds(run: OpenRun, condition: Expression): boolean | ErrorInfo {
  try {
    return isTrue(condition.evaluate(scopeOf(run)))
  } catch (thrown) {
    return expressionFailure(thrown)
  }
}

function endOf(step: CompiledStep, row: StepRow): EdgeEnd {
  if (row.state === 'completed') return 'met'
  if (row.state === 'skipped') return 'unmet'
  return step.optional ? 'met' : 'broken'
}

type Beginning =
  | { readonly kind: 'ready' }
  | { readonly kind: 'skip' }
  | { readonly kind: 'wait'; readonly untilMs: EpochMs }
  | { readonly kind: 'fail'; readonly error: ErrorInfo }

/** The step's dependencies allow it: it becomes ready, waits, is skipped by its own condition, or fails if that cannot be told. */
export function beginStep(run: OpenRun, step: CompiledStep): void {
  const beginning = beginningOf(run, step)
  switch (beginning.kind) {
    case 'ready':
      readyStep(run, step, 1)
      return
    case 'skip':
      skipStep(run, step, 'condition')
      return
    case 'wait':
      waitStep(run, step, Math.min(beginning.untilMs, run.turn.now + MAX_WAIT_MS))
      return
    case 'fail':
      failStep(run, step, 'failed', beginning.error)
  }
}

function beginningOf(run: OpenRun, { index, action, when }: CompiledStep): Beginning {
  try {
    if (when !== null && !isTrue(when.evaluate(scopeOf(run)))) return { kind: 'skip' }
    if (action.kind === 'block') return { kind: 'ready' }
    if (action.kind === 'wait') return { kind: 'wait', untilMs: run.turn.now + action.forMs }
    return { kind: 'wait', untilMs: parseInstant(action.until.evaluate(scopeOf(run)), `steps[${index}].with.until`) }
  } catch (thrown) {
    return { kind: 'fail', error: expressionFailure(thrown) }
  }
}
