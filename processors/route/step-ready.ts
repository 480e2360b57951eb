import type { StepReady } from '../../schemas/records/route.ts'
import { type TenantShare, tenantShare } from '../control/tenants.ts'
import type { Turn } from '../turn.ts'
import { assign } from './assign.ts'
import { enterLane } from './lanes.ts'
import { type Hold, holdOf } from './limits.ts'
import { laneKey, queueKey } from './rows.ts'
import type { RouteSettings } from './settings.ts'
import { release } from './slot-released.ts'
import { SLOTS } from './slots.ts'
import { LANES, QUEUE } from './stores.ts'

/** Assigns the step at once if nothing stands in its way, else it waits. */
export function onStepReady(settings: RouteSettings, turn: Turn, record: StepReady): void {
  const key = queueKey(record.runId, record.stepId)
  const known = turn.get(QUEUE, key)
  if (known !== undefined && known.attempt >= record.attempt) {
    turn.count('late_commands_dropped')
    return
  }
  if (known !== undefined) release(settings, turn, key, known)
  const { pool, tenant } = record
  const share = tenantShare(turn, tenant)
  const queued = turn.get(LANES, laneKey(pool, tenant)) !== undefined
  const full = turn.index(SLOTS).ofPool(pool) >= settings.window
  const hold = queued || full ? null : holdOf(turn, tenant, share)
  if (!queued && !full && hold === null) assign(settings, turn, record, share)
  // unfused, the run may have ended since; `assign` looks by itself
  else if (settings.isWanted(turn, record.runId, record.stepId, record.attempt)) wait(turn, record, share, hold)
}

function wait(turn: Turn, record: StepReady, share: TenantShare, hold: Hold | null): void {
  const { runId, stepId, attempt, tenant, pool, priority, stickyKey, stickyTtlMs } = record
  const lane = enterLane(turn, pool, tenant, share.weight, hold)
  turn.put(QUEUE, queueKey(runId, stepId), {
    attempt,
    tenant,
    pool,
    priority,
    stickyKey,
    stickyTtlMs,
    sequence: lane.nextSequence,
    partition: null,
    assignedAtMs: 0,
    timeoutMs: 0,
    dueAtMs: null,
  })
  turn.emit(
    'events',
    turn.partition,
    {
      kind: 'StepQueued',
      runId,
      tenant,
      atMs: turn.now,
      causeTopic: turn.cause.topic,
      causeOffset: turn.cause.offset,
      stepId,
      attempt,
      pool,
      reason: lane.blocked ?? 'window',
    },
    runId,
  )
}
