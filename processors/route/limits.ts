/** A tenant's own limits, as this task's share of them: attempts at once, and attempts started per second (a token bucket). */
import type { TenantShare } from '../control/tenants.ts'
import type { Turn } from '../turn.ts'
import { SLOTS } from './slots.ts'
import { TOKENS } from './stores.ts'

/** Why nothing of the tenant may start now. */
export interface Hold {
  readonly reason: 'concurrency' | 'rate'
  /** When that may change by itself. */
  readonly wakeAtMs: number | null
}

/** Summing fractions of tokens must not make one arrive late. */
const ROUNDING = 1e-9

const NO_SLOT: Hold = { reason: 'concurrency', wakeAtMs: null }
const NO_RATE: Hold = { reason: 'rate', wakeAtMs: null }

export function holdOf(turn: Turn, tenant: string, share: TenantShare): Hold | null {
  if (share.maxConcurrency !== null && turn.index(SLOTS).ofTenant(tenant) >= share.maxConcurrency) return NO_SLOT
  if (share.ratePerSecond === null) return null
  const missing = 1 - tokensNow(turn, tenant, share.ratePerSecond, share)
  if (missing <= ROUNDING) return null
  if (share.ratePerSecond <= 0) return NO_RATE
  return { reason: 'rate', wakeAtMs: turn.now + Math.max(1, Math.ceil((missing * 1000) / share.ratePerSecond)) }
}

/** To be called for each attempt that starts, after {@link holdOf} found nothing. */
export function takeToken(turn: Turn, tenant: string, share: TenantShare): void {
  const rate = share.ratePerSecond
  if (rate === null || rate <= 0) return
  const tokens = Math.max(0, tokensNow(turn, tenant, rate, share) - 1)
  const fullAtMs = turn.now + Math.max(1, Math.ceil(((burstOf(rate, share) - tokens) * 1000) / rate))
  turn.put(TOKENS, tenant, { tokens, atMs: turn.now, fullAtMs })
}

function tokensNow(turn: Turn, tenant: string, rate: number, share: TenantShare): number {
  if (rate <= 0) return 0
  const burst = burstOf(rate, share)
  const row = turn.get(TOKENS, tenant)
  return row === undefined ? burst : Math.min(burst, row.tokens + ((turn.now - row.atMs) * rate) / 1000)
}

/** Without a burst of its own the bucket holds one second's tokens. */
function burstOf(rate: number, share: TenantShare): number {
  return Math.max(1, share.burst ?? rate)
}
