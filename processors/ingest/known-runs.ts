/**
 * What a task remembers of submissions, so that one appended twice is one run. Idempotency keys are kept until 24 h after the run's end; run
 * ids that a repeated append may bring again for 10 minutes. Beyond a bound the oldest that would expire anyway go early.
 */
import { defineValue, long, nullable, string, type ValueOf } from '../../schemas/define.ts'
import type { RunId, TenantId } from '../../schemas/ids.ts'
import { runId, tenantId } from '../../schemas/records/shared.ts'
import type { IndexDef, StoreDef, Turn } from '../turn.ts'
import { ExpiryQueue } from './expiry-queue.ts'

export const KEY_KEPT_MS = 24 * 3_600_000
export const RUN_ID_KEPT_MS = 600_000
/** Entries waiting to expire, per store and partition. */
export const KNOWN_RUNS_BOUND = 1_000_000

const keyFields = {
  runId,
  bodyHash: string,
  /** `null` until the run has ended. */
  expiresAtMs: nullable(long),
}
export type KeyRow = ValueOf<typeof keyFields>

const recentFields = { tenant: tenantId, bodyHash: string, expiresAtMs: long }
export type RecentRow = ValueOf<typeof recentFields>

const endedKeys: IndexDef<KeyRow, ExpiryQueue<KeyRow>> = {
  name: 'ended_keys',
  create: () => new ExpiryQueue((row) => row.expiresAtMs !== null),
}
const recentOrder: IndexDef<RecentRow, ExpiryQueue<RecentRow>> = {
  name: 'recent_runs_order',
  create: () => new ExpiryQueue(() => true),
}

/** By `tenant/idempotency key`. */
export const IDEMPOTENCY: StoreDef<KeyRow> = {
  name: 'idempotency',
  id: 10,
  type: defineValue('KeyRow', keyFields),
  dueAt: (row) => row.expiresAtMs,
  indexes: [endedKeys],
}

/** By run id: one id is one run, whosever it is. */
export const RECENT_RUNS: StoreDef<RecentRow> = {
  name: 'recent_runs',
  id: 11,
  type: defineValue('RecentRow', recentFields),
  dueAt: (row) => row.expiresAtMs,
  indexes: [recentOrder],
}

export function keyedRun(turn: Turn, tenant: TenantId, key: string): KeyRow | undefined {
  return turn.get(IDEMPOTENCY, `${tenant}/${key}`)
}

export function recentRun(turn: Turn, id: RunId): RecentRow | undefined {
  return turn.get(RECENT_RUNS, id)
}

export function isRecentRun(turn: Turn, tenant: TenantId, id: RunId): boolean {
  return recentRun(turn, id)?.tenant === tenant
}

export function rememberKey(turn: Turn, tenant: TenantId, key: string, id: RunId, bodyHash: string): void {
  turn.put(IDEMPOTENCY, `${tenant}/${key}`, { runId: id, bodyHash, expiresAtMs: null })
}

export function rememberRunId(
  turn: Turn,
  tenant: TenantId,
  id: RunId,
  bodyHash: string,
  bound: number = KNOWN_RUNS_BOUND,
): void {
  evictOldest(turn, RECENT_RUNS, recentOrder, bound)
  turn.put(RECENT_RUNS, id, { tenant, bodyHash, expiresAtMs: turn.now + RUN_ID_KEPT_MS })
}

/** The run has ended: its key is kept for a while longer. */
export function startKeyExpiry(
  turn: Turn,
  tenant: TenantId,
  key: string,
  id: RunId,
  bound: number = KNOWN_RUNS_BOUND,
): void {
  const row = keyedRun(turn, tenant, key)
  if (row === undefined || row.runId !== id) return
  evictOldest(turn, IDEMPOTENCY, endedKeys, bound)
  turn.put(IDEMPOTENCY, `${tenant}/${key}`, { ...row, expiresAtMs: turn.now + KEY_KEPT_MS })
}

export function forgetKey(turn: Turn, key: string): void {
  turn.delete(IDEMPOTENCY, key)
}

export function forgetRunId(turn: Turn, key: string): void {
  turn.delete(RECENT_RUNS, key)
}

function evictOldest<V>(turn: Turn, store: StoreDef<V>, order: IndexDef<V, ExpiryQueue<V>>, bound: number): void {
  const { size, oldest } = turn.index(order)
  if (size < bound || oldest === undefined) return
  turn.delete(store, oldest)
  turn.count('idempotency_evictions')
}
