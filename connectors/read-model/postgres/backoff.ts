/** Waits that grow while something fails, up to a bound. */
import type { Environment } from '../../../topology/environment.ts'

const FIRST_MS = 100
const LONGEST_MS = 5_000

export class Backoff {
  readonly #environment: Environment
  readonly #ending: AbortSignal
  #nextMs = FIRST_MS

  constructor(environment: Environment, ending: AbortSignal) {
    this.#environment = environment
    this.#ending = ending
  }

  /** True while nothing has failed since the last success. */
  get calm(): boolean {
    return this.#nextMs === FIRST_MS
  }

  succeeded(): void {
    this.#nextMs = FIRST_MS
  }

  async failed(): Promise<void> {
    const ms = this.#nextMs
    this.#nextMs = Math.min(2 * ms, LONGEST_MS)
    // Half of it by chance, so that processes that lost the same server do not all come back at once.
    await rest(this.#environment, ms / 2 + ((ms / 2) * this.#environment.randomU32()) / 0x1_0000_0000, this.#ending)
  }
}

/** Resolves when the time has passed or the signal fires. */
export function rest(environment: Environment, ms: number, ending: AbortSignal): Promise<void> {
  if (ending.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const end = (): void => {
      cancel()
      ending.removeEventListener('abort', end)
      resolve()
    }
    const cancel = environment.after(ms, end)
    ending.addEventListener('abort', end)
  })
}
