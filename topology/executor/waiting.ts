import type { Environment } from '../environment.ts'

export function delay(environment: Environment, ms: number): Promise<void> {
  return new Promise((resolve) => environment.after(ms, resolve))
}

/** Whether the promise settles within `ms`. Its rejection counts as settled. */
export function settlesWithin(environment: Environment, promise: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = environment.after(ms, () => resolve(false))
    const settled = (): void => {
      cancel()
      resolve(true)
    }
    promise.then(settled, settled)
  })
}

/** Delay before repeat `n` (from 1): exponential with jitter, between half of it and all of it. */
export function backoffMs(environment: Environment, n: number, baseMs: number, maxMs: number): number {
  const full = Math.min(maxMs, baseMs * 2 ** (n - 1))
  return Math.ceil(full / 2 + (full / 2) * (environment.randomU32() / 0x1_0000_0000))
}
