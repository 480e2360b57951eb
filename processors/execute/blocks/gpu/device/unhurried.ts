/** Runs in the device process. The package `webgpu` asks the device in every round of the event loop whether it is done, which keeps a core busy; software drivers compute on that core. */

const cell = new Int32Array(new SharedArrayBuffer(4))
/** What is done by then is worth no pause. */
const AT_ONCE_MS = 0.2
/** Of the time that has passed; so long a result is late at most, in proportion. */
const SHARE = 1 / 8
const PAUSE_MAX_MS = 2

/** Waits for the result with pauses between rounds of the event loop, in which this thread sleeps. */
export async function unhurried<T>(result: Promise<T>): Promise<T> {
  const began = performance.now()
  let isOpen = true
  const round = (): void => {
    if (!isOpen) return
    const passedMs = performance.now() - began
    if (passedMs > AT_ONCE_MS) Atomics.wait(cell, 0, 0, Math.min(PAUSE_MAX_MS, passedMs * SHARE))
    setImmediate(round)
  }
  setImmediate(round)
  try {
    return await result
  } finally {
    isOpen = false
  }
}
