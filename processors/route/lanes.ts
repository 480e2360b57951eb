/**
 * Lanes: the steps of one tenant that wait for one pool. Tenants take turns by stride scheduling: the lane with the lowest pass goes, and its pass
 * grows by 1 / weight, so starts are shared by weight however much anybody has waiting. A lane that arrives or comes back from a limit enters within
 * one stride of the others: it neither overtakes them for time it did not compete nor waits for what they used before.
 *
 * Invariant between records: if a lane is not held up by a limit, its pool's window is full.
 */
import { POOLS, type Pool } from '../../schemas/topics.ts'
import type { Turn } from '../turn.ts'
import { LANE_ORDER } from './lane-order.ts'
import type { Hold } from './limits.ts'
import { type LaneRow, laneKey } from './rows.ts'
import { LANES } from './stores.ts'
import { WAITING } from './waiting.ts'

/** The lane's row with a place for one more step; `hold` and `weight` matter if there is no lane yet. */
export function enterLane(turn: Turn, pool: Pool, tenant: string, weight: number, hold: Hold | null): LaneRow {
  const key = laneKey(pool, tenant)
  const known = turn.get(LANES, key)
  const lane: LaneRow = known ?? {
    pass: entryPass(turn, pool, weight, null),
    nextSequence: 0,
    blocked: hold === null ? null : hold.reason,
    wakeAtMs: hold === null ? null : hold.wakeAtMs,
  }
  turn.put(LANES, key, { ...lane, nextSequence: lane.nextSequence + 1 })
  return lane
}

/** After the lane's first step was assigned. */
export function advanceLane(turn: Turn, pool: Pool, tenant: string, weight: number): void {
  if (closeIfEmpty(turn, pool, tenant)) return
  const key = laneKey(pool, tenant)
  const lane = turn.get(LANES, key)!
  turn.put(LANES, key, { ...lane, pass: lane.pass + 1 / weight })
}

/** A lane ends with its last waiting step. */
export function closeIfEmpty(turn: Turn, pool: Pool, tenant: string): boolean {
  if (turn.index(WAITING).count(pool, tenant) > 0) return false
  turn.delete(LANES, laneKey(pool, tenant))
  return true
}

export function holdLane(turn: Turn, pool: Pool, tenant: string, hold: Hold): void {
  const key = laneKey(pool, tenant)
  const lane = turn.get(LANES, key)!
  turn.put(LANES, key, { ...lane, blocked: hold.reason, wakeAtMs: hold.wakeAtMs })
}

/** Lets the lane compete again. */
export function freeLane(turn: Turn, pool: Pool, tenant: string, weight: number): void {
  const key = laneKey(pool, tenant)
  const lane = turn.get(LANES, key)
  if (lane === undefined || (lane.blocked === null && lane.wakeAtMs === null)) return
  const pass = lane.blocked === null ? lane.pass : entryPass(turn, pool, weight, lane.pass)
  turn.put(LANES, key, { ...lane, pass, blocked: null, wakeAtMs: null })
}

/** True if the lane waits for another attempt of its tenant to end. */
export function waitsForSlot(turn: Turn, pool: Pool, tenant: string): boolean {
  return turn.get(LANES, laneKey(pool, tenant))?.blocked === 'concurrency'
}

/** Has the pool looked at again as soon as possible, in a turn of its own. */
export function wakeSoon(turn: Turn, pool: Pool, tenant: string): void {
  const key = laneKey(pool, tenant)
  const lane = turn.get(LANES, key)
  if (lane !== undefined) turn.put(LANES, key, { ...lane, wakeAtMs: turn.now })
}

/** To be called when the tenant's limits have changed. */
export function wakeTenant(turn: Turn, tenant: string): void {
  for (const pool of POOLS) wakeSoon(turn, pool, tenant)
}

/** A new lane enters in the middle of a stride: after whoever is next, so that coming and going gains nothing, and before the next round. */
function entryPass(turn: Turn, pool: Pool, weight: number, pass: number | null): number {
  const lowest = turn.index(LANE_ORDER).next(pool)?.pass
  if (lowest === undefined) return 0
  return pass === null ? lowest + 0.5 / weight : Math.min(Math.max(pass, lowest), lowest + 1 / weight)
}
