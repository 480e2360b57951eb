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
