/** Whose turn it is in a pool, among the lanes that no limit of their tenant holds up: the lowest pass, then the tenant's name. */
import { POOLS, type Pool } from '../../schemas/topics.ts'
import type { Index, IndexDef } from '../turn.ts'
import { createKeyedHeap, type KeyedHeap } from './keyed-heap.ts'
import type { LaneRow } from './rows.ts'

export interface Turnstile {
  readonly tenant: string
  readonly pass: number
}

export interface LaneOrder extends Index<LaneRow> {
  next(pool: Pool): Turnstile | undefined
  /** Lanes there are, those held up included. */
  readonly count: number
}

export const LANE_ORDER: IndexDef<LaneRow, LaneOrder> = { name: 'lane-order', create: createLaneOrder }

function createLaneOrder(): LaneOrder {
  const heaps = new Map<string, KeyedHeap<Turnstile>>()
  for (const pool of POOLS) heaps.set(pool, createKeyedHeap(goesBefore))
  let count = 0
  return {
    get count() {
      return count
    },
    next: (pool) => heaps.get(pool)?.first(),
    change(key, before, after) {
      count += (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1)
      const slash = key.indexOf('/')
      const heap = heaps.get(key.slice(0, slash))
      if (before !== undefined && before.blocked === null) heap?.remove(key)
      if (after !== undefined && after.blocked === null) {
        heap?.add(key, { tenant: key.slice(slash + 1), pass: after.pass })
      }
    },
  }
}

function goesBefore(a: Turnstile, b: Turnstile): boolean {
  return a.pass !== b.pass ? a.pass < b.pass : a.tenant < b.tenant
}
