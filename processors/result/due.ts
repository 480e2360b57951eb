/** What time sets off: a run's deadline, a step's next attempt, the end of a wait. */

import type { RunId } from '../../schemas/ids.ts'
import type { JsonText } from '../../schemas/json.ts'
import type { Turn } from '../turn.ts'
import { settle } from './advance.ts'
import { timeOutRun } from './end-run.ts'
import { openRun } from './open-run.ts'
import { parseStepKey, type RunHead, type StepRow } from './run-store.ts'
import { completeStep, readyStep } from './steps.ts'

export function onDeadline(turn: Turn, key: string, head: RunHead): void {
  const run = openRun(turn, key as RunId)
  if (run !== null && head.deadlineAtMs !== null) timeOutRun(run, head.deadlineAtMs)
}

export function onStepDue(turn: Turn, key: string, row: StepRow): void {
  const { runId, stepId } = parseStepKey(key)
  const run = openRun(turn, runId)
  const step = run?.flow.byId.get(stepId)
  if (run === null || step === undefined) throw new Error(`step row ${key} has no run or is not in its flow`)
  if (row.state === 'retrying') readyStep(run, step, row.attempt + 1)
  else if (row.state === 'waiting') {
    const times = { workerId: null, startedAtMs: row.sinceMs, finishedAtMs: turn.now }
    completeStep(run, step, 'null' as JsonText, times)
  } else throw new Error(`step row ${key} is due in state '${row.state}'`)
  settle(run)
}
