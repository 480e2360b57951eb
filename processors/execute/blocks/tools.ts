import { BlockError } from '../block.ts'

/** What blocks get from the process they run in. */
export interface BlockTools {
  /** Wall clock, milliseconds since the epoch. */
  now(): number
  /** Calls back once after at least `ms`, unless cancelled. */
  after(ms: number, callback: () => void): () => void
}

/** Resolves after `ms`, or rejects with the signal's reason as soon as it is aborted. */
export function pause(tools: BlockTools, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason)
      return
    }
    const onAbort = (): void => {
      cancel()
      reject(signal.reason)
    }
    const cancel = tools.after(ms, () => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** Runs `work` with a signal that is also aborted after `ms`; then it rejects with `TIMEOUT`. Without `ms` the signal is passed on as it is. */
export async function within<T>(
  tools: BlockTools,
  signal: AbortSignal,
  ms: number | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (ms === undefined) return work(signal)
  const limit = new AbortController()
  const onAbort = (): void => limit.abort(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  const cancel = tools.after(ms, () => limit.abort(new BlockError('TIMEOUT', `the block ran longer than ${ms} ms`)))
  try {
    return await work(limit.signal)
  } finally {
    cancel()
    signal.removeEventListener('abort', onAbort)
  }
}

/** The time limit that any step of the older workers may carry in its input. */
export const TIMEOUT_MS_SCHEMA = {
  type: 'integer',
  minimum: 1,
  maximum: 86_400_000,
  description: 'Milliseconds the block may take; default: the timeout of the step. Then it fails with `TIMEOUT`.',
}
