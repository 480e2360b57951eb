/** Hands an attempt to a partition of its pool. */
import type { RunId, StepId, TenantId } from '../../schemas/ids.ts'
import type { ErrorInfo } from '../../schemas/records/shared.ts'
import { executeTopic } from '../../schemas/topics.ts'
import type { TenantShare } from '../control/tenants.ts'
import type { AttemptInput } from '../result/attempt-input.ts'
import type { Turn } from '../turn.ts'
import { kernelOf } from './kernel-of.ts'
import { takeToken } from './limits.ts'
import { choosePartition, type Placed } from './place.ts'
import { queueKey } from './rows.ts'
import type { RouteSettings } from './settings.ts'
import { QUEUE } from './stores.ts'

export interface Attempt extends Placed {
  readonly runId: RunId
  readonly stepId: StepId
  readonly attempt: number
  readonly tenant: TenantId
  readonly priority: number
}

/**
 * Assigns the attempt, whose limits the caller has checked. False if it takes no slot: because nobody wants it any more, or because its input
 * cannot be rendered, which ends it at once.
 */
export function assign(settings: RouteSettings, turn: Turn, step: Attempt, share: TenantShare): boolean {
  const given = settings.attemptInput(turn, step.runId, step.stepId, step.attempt)
  if (given === null) return false
  if (!given.ok) {
    endAttempt(turn, step.runId, step.stepId, step.attempt, 'error', given.error, turn.now)
    return false
  }
  const partition = choosePartition(turn, step, kernelOf(given.block, given.input), settings.maxStickyKeys)
  takeToken(turn, step.tenant, share)
  turn.put(QUEUE, queueKey(step.runId, step.stepId), {
    attempt: step.attempt,
    tenant: step.tenant,
    pool: step.pool,
    priority: step.priority,
    stickyKey: step.stickyKey,
    stickyTtlMs: step.stickyTtlMs,
    sequence: 0,
    partition,
    assignedAtMs: turn.now,
    timeoutMs: given.timeoutMs,
    dueAtMs: turn.now + given.timeoutMs + settings.graceMs,
  })
  emitExecute(turn, step, given, partition, share.weight)
  return true
}

function emitExecute(turn: Turn, step: Attempt, given: AttemptInput & { ok: true }, partition: number, weight: number) {
  const { runId, stepId, attempt, tenant, pool, priority } = step
  const { flow, version, block, input, timeoutMs, traceparent } = given
  turn.emit(
    executeTopic(pool),
    partition,
    {
      kind: 'ExecuteStep',
      runId,
      stepId,
      attempt,
      tenant,
      flow,
      version,
      block,
      input,
      timeoutMs,
      priority,
      weight,
      carried: 0,
      traceparent,
    },
    runId,
  )
  turn.emit(
    'events',
    turn.partition,
    {
      kind: 'StepStarted',
      runId,
      tenant,
      atMs: turn.now,
      causeTopic: turn.cause.topic,
      causeOffset: turn.cause.offset,
      stepId,
      attempt,
      pool,
      poolPartition: partition,
    },
    runId,
  )
}

/** Says in place of a worker that route has ended an attempt itself. */
export const ROUTE_AS_WORKER = 'route'

/** Route ends an attempt itself when it cannot begin or its worker went silent. */
export function endAttempt(
  turn: Turn,
  runId: RunId,
  stepId: StepId,
  attempt: number,
  status: 'error' | 'lost',
  error: ErrorInfo,
  startedAtMs: number,
): void {
  turn.emit(
    'result',
    turn.partition,
    {
      kind: 'AttemptFinished',
      runId,
      stepId,
      attempt,
      status,
      output: null,
      error,
      workerId: ROUTE_AS_WORKER,
      startedAtMs,
      finishedAtMs: turn.now,
    },
    runId,
  )
}
