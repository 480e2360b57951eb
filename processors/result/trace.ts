/** What is told of a run's end, where runs are traced; from its rows, so that it is the same after a restart. */
import type { CompiledStep } from '../../schemas/flow/model.ts'
import type { AttemptFinished } from '../../schemas/records/result.ts'
import { ROUTE_AS_WORKER } from '../route/assign.ts'
import { type TracedRun, tracedAttempt } from '../traced.ts'
import type { OpenRun } from './open-run.ts'

export function traceRun(run: OpenRun, status: TracedRun['status'], errorCode: string | null): void {
  const { turn, id, head } = run
  if (turn.trace === undefined) return
  const { tenant, flow, version, traceparent, startedAtMs, replay } = head
  turn.trace({
    kind: 'run',
    runId: id,
    tenant,
    flow,
    version,
    traceparent,
    startedAtMs,
    endedAtMs: turn.now,
    status,
    errorCode,
    // a letter carries the trace of its run, and a replay of it goes on there
    replay: replay === null ? null : { of: replay.of, sharesTrace: replay.letterId !== '' && traceparent !== null },
  })
}

/** An attempt of which no executor can tell: one that could not begin, or whose worker went silent. */
export function traceUnbegun(run: OpenRun, step: CompiledStep, record: AttemptFinished): void {
  const { turn, id, head } = run
  if (turn.trace === undefined || record.workerId !== ROUTE_AS_WORKER || step.action.kind !== 'block') return
  const { stepId, attempt, status, error, workerId, startedAtMs, finishedAtMs: endedAtMs } = record
  const { block, pool } = step.action
  const errorCode = error?.code ?? null
  turn.trace(
    tracedAttempt(
      { runId: id, ...head },
      { stepId, attempt, block, pool, status, errorCode, workerId, startedAtMs, endedAtMs, waitedMs: null },
    ),
  )
}
