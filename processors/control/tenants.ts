/** Tenants' limits, and this task's exact share of them. */
import { defineValue, double, int, nullable } from '../../schemas/define.ts'
import { murmur2 } from '../../schemas/murmur2.ts'
import type { TenantChanged } from '../../schemas/records/control.ts'
import { wakeTenant } from '../route/lanes.ts'
import { settleTokens } from '../route/limits.ts'
import type { StoreDef, Turn } from '../turn.ts'

export interface TenantPolicy {
  readonly revision: number
  readonly spread: number | null
  readonly maxConcurrency: number | null
  readonly ratePerSecond: number | null
  readonly burst: number | null
  readonly weight: number
}

/** By tenant. */
export const TENANTS: StoreDef<TenantPolicy> = {
  name: 'tenants',
  id: 2,
  type: defineValue('TenantPolicy', {
    revision: int,
    spread: nullable(int),
    maxConcurrency: nullable(int),
    ratePerSecond: nullable(double),
    burst: nullable(double),
    weight: int,
  }),
}

/** What this task may give the tenant; `null`: no limit. */
export interface TenantShare {
  readonly maxConcurrency: number | null
  readonly ratePerSecond: number | null
  readonly burst: number | null
  readonly weight: number
}

const UNLIMITED: TenantShare = { maxConcurrency: null, ratePerSecond: null, burst: null, weight: 1 }

/**
 * The limits divided over the partitions the tenant lies on, so that the shares add up to exactly the limit: partition number k (from 0) of n gets
 * `floor(limit / n)`, and one more if k < limit mod n. On a partition the tenant does not lie on there may be runs from before its spread was set, or
 * whose id was chosen elsewhere: one attempt at a time lets them end.
 */
export function tenantShare(turn: Turn, tenant: string): TenantShare {
  const policy = turn.get(TENANTS, tenant)
  return policy === undefined ? UNLIMITED : shareOf(policy, tenant, turn.partition, turn.partitions)
}

export function shareOf(policy: TenantPolicy, tenant: string, partition: number, partitions: number): TenantShare {
  const n = Math.min(policy.spread ?? partitions, partitions)
  const first = policy.spread === null ? 0 : (murmur2(tenant) & 0x7fffffff) % partitions
  const k = (partition - first + partitions) % partitions
  const here = k < n
  const limit = policy.maxConcurrency
  return {
    maxConcurrency: limit === null ? null : here ? Math.floor(limit / n) + (k < limit % n ? 1 : 0) : Math.min(1, limit),
    ratePerSecond: policy.ratePerSecond === null ? null : policy.ratePerSecond / n,
    burst: here ? (policy.burst === null ? null : Math.max(1, policy.burst / n)) : 1,
    weight: policy.weight,
  }
}

export function onTenantChanged(turn: Turn, record: TenantChanged): void {
  const known = turn.get(TENANTS, record.tenant)
  if (known !== undefined && known.revision >= record.revision) return
  const { revision, spread, maxConcurrency, ratePerSecond, burst, weight } = record
  settleTokens(turn, record.tenant, tenantShare(turn, record.tenant))
  turn.put(TENANTS, record.tenant, { revision, spread, maxConcurrency, ratePerSecond, burst, weight })
  // steps that wait for the old limits are looked at again
  wakeTenant(turn, record.tenant)
}
