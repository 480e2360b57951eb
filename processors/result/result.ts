/** The `result` topic: the state machine of runs. */
import { dueHandler, handlers, type Processor } from '../turn.ts'
import { onAttemptFinished } from './attempt-finished.ts'
import { onCancelRun } from './cancel-run.ts'
import { onDeadline, onStepDue } from './due.ts'
import { PAYLOADS, RUNS, STEPS } from './run-store.ts'

export const result: Processor = {
  topic: 'result',
  stores: [RUNS, STEPS, PAYLOADS],
  handlers: handlers({ AttemptFinished: onAttemptFinished, CancelRun: onCancelRun }),
  due: [dueHandler(RUNS, onDeadline), dueHandler(STEPS, onStepDue)],
}
