/** Assigns waiting steps of a pool while its window and their tenants' limits allow. */
import { POOLS, type Pool } from '../../schemas/topics.ts'
import { type TenantShare, tenantShare } from '../control/tenants.ts'
import { type DueHandler, dueHandler, type Turn } from '../turn.ts'
import { assign } from './assign.ts'
import { LANE_ORDER } from './lane-order.ts'
import { advanceLane, closeIfEmpty, freeLane, holdLane, waitsForSlot, wakeSoon } from './lanes.ts'
import { holdOf } from './limits.ts'
import { parseQueueKey } from './rows.ts'
import type { RouteSettings } from './settings.ts'
import { SLOTS } from './slots.ts'
import { LANES, QUEUE } from './stores.ts'
import { WAITING } from './waiting.ts'

/** Steps looked at in one turn; what is left goes on in the next, so that a turn stays small whatever waits. */
const STEPS_PER_TURN = 1000

export function dispatch(settings: RouteSettings, turn: Turn, pool: Pool): void {
  const order = turn.index(LANE_ORDER)
  const slots = turn.index(SLOTS)
  for (let looked = 0; slots.ofPool(pool) < settings.window; looked++) {
    const lane = order.next(pool)
    if (lane === undefined) return
    if (looked === STEPS_PER_TURN) {
      wakeSoon(turn, pool, lane.tenant)
      return
    }
    lookAtLane(settings, turn, pool, lane.tenant)
  }
}

/** After an attempt of the tenant has ended: its place in the pool's window is free, and the tenant may start another in any pool. */
export function dispatchFreed(settings: RouteSettings, turn: Turn, pool: Pool, tenant: string): void {
  if (turn.index(LANE_ORDER).count === 0) return
  // from the next pool round to this one, so that a tenant's pools take turns with its slots
  const first = POOLS.indexOf(pool) + 1
  for (let i = 0; i < POOLS.length; i++) {
    const other = POOLS[(first + i) % POOLS.length]!
    const freed = waitsForSlot(turn, other, tenant)
    if (freed) freeLane(turn, other, tenant, tenantShare(turn, tenant).weight)
    if (freed || other === pool) dispatch(settings, turn, other)
  }
}

/** A lane's limit may have changed, by time or by control. */
export function laneDue(settings: RouteSettings): DueHandler {
  return dueHandler(LANES, (turn, key) => {
    const slash = key.indexOf('/')
    const pool = key.slice(0, slash) as Pool
    const tenant = key.slice(slash + 1)
    freeLane(turn, pool, tenant, tenantShare(turn, tenant).weight)
    dispatch(settings, turn, pool)
  })
}

function lookAtLane(settings: RouteSettings, turn: Turn, pool: Pool, tenant: string): void {
  const share = tenantShare(turn, tenant)
  const hold = holdOf(turn, tenant, share)
  if (hold === null) startNext(settings, turn, pool, tenant, share)
  else holdLane(turn, pool, tenant, hold)
}

function startNext(settings: RouteSettings, turn: Turn, pool: Pool, tenant: string, share: TenantShare): void {
  const key = turn.index(WAITING).next(pool, tenant)!
  const row = turn.get(QUEUE, key)!
  if (assign(settings, turn, { ...row, ...parseQueueKey(key) }, share)) {
    advanceLane(turn, pool, tenant, share.weight)
  } else {
    turn.delete(QUEUE, key)
    closeIfEmpty(turn, pool, tenant)
  }
}
