/** A tenant's own limits, as this task's share of them: attempts at once, and attempts started per second (a token bucket). */
import type { TenantShare } from '../control/tenants.ts'
import type { Turn } from '../turn.ts'
import type { TokenRow } from './rows.ts'
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

/** Ten years: what is due must be an instant that a row can hold. */
const LONGEST_MS = 315_360_000_000

const NO_SLOT: Hold = { reason: 'concurrency', wakeAtMs: null }
const NO_RATE: Hold = { reason: 'rate', wakeAtMs: null }

export function holdOf(turn: Turn, tenant: string, share: TenantShare): Hold | null {
  if (share.maxConcurrency !== null && turn.index(SLOTS).ofTenant(tenant) >= share.maxConcurrency) return NO_SLOT
  const rate = share.ratePerSecond
  if (rate === null) return null
  if (rate <= 0) return NO_RATE
  const missing = 1 - tokensNow(turn, tenant, rate, share)
  return missing <= ROUNDING ? null : { reason: 'rate', wakeAtMs: turn.now + millisFor(missing, rate) }
}

/** To be called for each attempt that starts, after {@link holdOf} found nothing. */
export function takeToken(turn: Turn, tenant: string, share: TenantShare): void {
  const rate = share.ratePerSecond
  if (rate === null) return
  putTokens(turn, tenant, Math.max(0, tokensNow(turn, tenant, rate, share) - 1), rate, share)
}

/** To be called with the limits so far when they are about to change: what the bucket holds by now stays in it. */
export function settleTokens(turn: Turn, tenant: string, share: TenantShare): void {
  const rate = share.ratePerSecond
  if (rate === null) return
  const row: TokenRow = { tokens: tokensNow(turn, tenant, rate, share), atMs: turn.now, fullAtMs: turn.now }
  turn.put(TOKENS, tenant, row)
}

/** A bucket that is full by the limits of now needs no row. */
export function tokensDue(turn: Turn, tenant: string, row: TokenRow, share: TenantShare): void {
  const rate = share.ratePerSecond
  const tokens = rate === null ? 0 : tokensNow(turn, tenant, rate, share)
  if (rate === null || tokens >= burstOf(rate, share) - ROUNDING) turn.delete(TOKENS, tenant)
  else putTokens(turn, tenant, tokens, rate, share, row)
}

function putTokens(turn: Turn, tenant: string, tokens: number, rate: number, share: TenantShare, as?: TokenRow): void {
  const fullAtMs = rate <= 0 ? null : turn.now + millisFor(burstOf(rate, share) - tokens, rate)
  turn.put(TOKENS, tenant, as === undefined ? { tokens, atMs: turn.now, fullAtMs } : { ...as, fullAtMs })
}

function tokensNow(turn: Turn, tenant: string, rate: number, share: TenantShare): number {
  const burst = burstOf(rate, share)
  const row = turn.get(TOKENS, tenant)
  return row === undefined ? burst : Math.min(burst, row.tokens + ((turn.now - row.atMs) * rate) / 1000)
}

function millisFor(tokens: number, rate: number): number {
  // a rounding error must not cost another millisecond
  return Math.min(LONGEST_MS, Math.max(1, Math.ceil((tokens * 1000) / rate - 1e-6)))
}

/** Without a burst of its own the bucket holds one second's tokens. */
function burstOf(rate: number, share: TenantShare): number {
  return Math.max(1, share.burst ?? rate)
}
