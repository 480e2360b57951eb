/** Events and route's records, with the fields they share. */
import type { CompiledStep } from '../../schemas/flow/model.ts'
import type { StepId } from '../../schemas/ids.ts'
import type { EventRecord } from '../../schemas/records/index.ts'
import type { SlotReleased } from '../../schemas/records/route.ts'
import type { OpenRun } from './open-run.ts'

/** The fields of every event of a run. */
export function runFields(run: OpenRun) {
  const { turn, id, head } = run
  const { topic, offset } = turn.cause
  return { runId: id, tenant: head.tenant, atMs: turn.now, causeTopic: topic as string, causeOffset: offset }
}

/** The fields of every event of a step. */
export function stepFields(run: OpenRun, stepId: StepId, attempt: number) {
  const { turn, id, head } = run
  const { topic, offset } = turn.cause
  return {
    runId: id,
    tenant: head.tenant,
    atMs: turn.now,
    causeTopic: topic as string,
    causeOffset: offset,
    stepId,
    attempt,
  }
}

export function tell(run: OpenRun, event: EventRecord): void {
  run.turn.emit('events', run.turn.partition, event, run.id)
}

export function releaseSlot(run: OpenRun, step: CompiledStep, attempt: number, reason: SlotReleased['reason']): void {
  const released = { kind: 'SlotReleased', runId: run.id, stepId: step.id, attempt, reason } as const
  run.turn.emit('route', run.turn.partition, released, run.id)
}

export function announceReady(run: OpenRun, step: CompiledStep, attempt: number): void {
  if (step.action.kind !== 'block') throw new Error(`step ${step.id} of run ${run.id} has nothing to execute`)
  const { tenant, priority, stickyKey } = run.head
  const ready = {
    kind: 'StepReady',
    runId: run.id,
    stepId: step.id,
    attempt,
    tenant,
    pool: step.action.pool,
    priority,
    stickyKey,
    stickyTtlMs: stickyKey === null ? null : (run.flow.sticky?.ttlMs ?? null),
  } as const
  run.turn.emit('route', run.turn.partition, ready, run.id)
}
