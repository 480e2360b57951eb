/** Whether a failed attempt is followed by another, and when. */
import type { RetryPolicy } from '../../schemas/flow/model.ts'
import type { ErrorInfo } from '../../schemas/records/shared.ts'

/** Longest wait of a step, ten years: what is beyond is a mistake, and instants must stay exact. */
export const MAX_WAIT_MS = 10 * 365 * 86_400_000

/** `attempt`: the one that failed, from 1. */
export function isRetried(policy: RetryPolicy, attempt: number, error: ErrorInfo): boolean {
  if (error.class === 'terminal' || attempt >= policy.attempts) return false
  if (names(policy.notOn, error)) return false
  if (policy.on === null) return error.class === 'transient' || error.class === 'recoverable'
  return names(policy.on, error)
}

function names(selectors: readonly string[], error: ErrorInfo): boolean {
  return selectors.includes(error.code) || selectors.includes(error.class)
}

/** Milliseconds until the next attempt. `drawn` in [0, 1) decides the jitter. */
export function retryDelayMs(policy: RetryPolicy, attempt: number, error: ErrorInfo, drawn: number): number {
  const backoff = Math.min(policy.maxMs, unboundedMs(policy, attempt))
  const jittered = Math.round(backoff * (1 + policy.jitter * (2 * drawn - 1)))
  return Math.min(MAX_WAIT_MS, Math.max(0, jittered, error.retryAfterMs ?? 0))
}

function unboundedMs(policy: RetryPolicy, attempt: number): number {
  switch (policy.backoff) {
    case 'fixed':
      return policy.baseMs
    case 'linear':
      return policy.baseMs * attempt
    case 'exponential':
      return policy.baseMs * 2 ** (attempt - 1)
  }
}
