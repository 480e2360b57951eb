/** Which of a tenant's waiting steps goes next in a pool: the highest priority, then the order of arrival. */
import { ChurningMap } from '../../schemas/churning.ts'
import type { Pool } from '../../schemas/topics.ts'
import type { Index, IndexDef } from '../turn.ts'
import { createKeyedHeap, type KeyedHeap } from './keyed-heap.ts'
import { laneKey, type QueueRow } from './rows.ts'

export interface WaitingIndex extends Index<QueueRow> {
  /** Key of the row that goes next. */
  next(pool: Pool, tenant: string): string | undefined
  count(pool: Pool, tenant: string): number
}

interface Entry {
  readonly key: string
  readonly priority: number
  readonly sequence: number
}

type Lanes = ChurningMap<string, KeyedHeap<Entry>>

export const WAITING: IndexDef<QueueRow, WaitingIndex> = { name: 'waiting', create: createWaiting }

function createWaiting(): WaitingIndex {
  const lanes: Lanes = new ChurningMap()
  return {
    next: (pool, tenant) => lanes.get(laneKey(pool, tenant))?.first()?.key,
    count: (pool, tenant) => lanes.get(laneKey(pool, tenant))?.size ?? 0,
    change(key, before, after) {
      if (before !== undefined && before.partition === null) remove(lanes, key, before)
      if (after !== undefined && after.partition === null) add(lanes, key, after)
    },
  }
}

function add(lanes: Lanes, key: string, row: QueueRow): void {
  const lane = laneKey(row.pool, row.tenant)
  let heap = lanes.get(lane)
  if (heap === undefined) {
    heap = createKeyedHeap(goesBefore)
    lanes.set(lane, heap)
  }
  heap.add(key, { key, priority: row.priority, sequence: row.sequence })
}

function remove(lanes: Lanes, key: string, row: QueueRow): void {
  const lane = laneKey(row.pool, row.tenant)
  const heap = lanes.get(lane)
  heap?.remove(key)
  if (heap?.size === 0) lanes.delete(lane)
}

function goesBefore(a: Entry, b: Entry): boolean {
  return a.priority !== b.priority ? a.priority > b.priority : a.sequence < b.sequence
}
