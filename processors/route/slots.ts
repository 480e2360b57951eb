/** How many attempts are assigned: per pool, per partition of a pool, and per tenant over all pools. */
import { ChurningMap } from '../../schemas/churning.ts'
import type { Pool } from '../../schemas/topics.ts'
import type { Index, IndexDef } from '../turn.ts'
import type { QueueRow } from './rows.ts'

export interface SlotsIndex extends Index<QueueRow> {
  ofPool(pool: Pool): number
  ofPartition(pool: Pool, partition: number): number
  ofTenant(tenant: string): number
}

export const SLOTS: IndexDef<QueueRow, SlotsIndex> = { name: 'slots', create: createSlots }

function createSlots(_partition: number, partitions: number): SlotsIndex {
  const pools = new Map<Pool, number>()
  const tenants = new ChurningMap<string, number>()
  const loads = new Map<Pool, number[]>()

  function count(row: QueueRow, partition: number, by: 1 | -1): void {
    pools.set(row.pool, (pools.get(row.pool) ?? 0) + by)
    const used = (tenants.get(row.tenant) ?? 0) + by
    if (used === 0) tenants.delete(row.tenant)
    else tenants.set(row.tenant, used)
    let load = loads.get(row.pool)
    if (load === undefined) {
      load = new Array<number>(partitions).fill(0)
      loads.set(row.pool, load)
    }
    load[partition] = (load[partition] ?? 0) + by
  }

  return {
    ofPool: (pool) => pools.get(pool) ?? 0,
    ofPartition: (pool, partition) => loads.get(pool)?.[partition] ?? 0,
    ofTenant: (tenant) => tenants.get(tenant) ?? 0,
    change(_key, before, after) {
      if (before !== undefined && before.partition !== null) count(before, before.partition, -1)
      if (after !== undefined && after.partition !== null) count(after, after.partition, 1)
    },
  }
}
