/** Tries something again for as long as it may still succeed: what it needs may come up later than this process. */
import type { Environment } from '../environment.ts'
import { LogError } from '../log/port.ts'

const FIRST_MS = 250
const MAX_MS = 5_000

export interface UntilReachable<T> {
  readonly environment: Environment
  readonly attempt: () => Promise<T>
  /** Told after each failure. */
  readonly onFailure: (error: LogError, retryInMs: number) => void
  /** Ends the waiting. */
  readonly signal: AbortSignal
}

/** Resolves with the first success. @throws the first error that trying again would not help against; the signal's reason */
export async function untilReachable<T>({ environment, attempt, onFailure, signal }: UntilReachable<T>): Promise<T> {
  for (let delayMs = FIRST_MS; ; delayMs = Math.min(MAX_MS, 2 * delayMs)) {
    signal.throwIfAborted()
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof LogError) || !error.retriable) throw error
      onFailure(error, delayMs)
      await pause(environment, delayMs, signal)
    }
  }
}

function pause(environment: Environment, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel()
      signal.removeEventListener('abort', end)
      resolve()
    }
    const cancel = environment.after(ms, end)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
  })
}
