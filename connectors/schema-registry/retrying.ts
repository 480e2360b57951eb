/** Tries a start again while the registry cannot be reached, with growing pauses, until it works or is closed. */
import type { Cancel, Environment } from '../../topology/environment.ts'
import { SchemaRegistryError } from '../../topology/schema-registry/port.ts'

const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5_000
const REPORT_EVERY_MS = 10_000

export class Retrying {
  readonly #environment: Environment
  readonly #onProblem: (message: string) => void
  #closed = false
  #endPause: (() => void) | null = null
  #reportedMs = Number.NEGATIVE_INFINITY
  /** Why the last try failed; `null` since one has worked, and before the first. */
  reason: string | null = null

  constructor(environment: Environment, onProblem: (message: string) => void = () => {}) {
    this.#environment = environment
    this.#onProblem = onProblem
  }

  /** @throws {SchemaRegistryError} what trying again cannot mend, or `CLOSED` */
  async run(work: () => Promise<void>): Promise<void> {
    for (let pauseMs = FIRST_PAUSE_MS; !this.#closed; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        await work()
        this.reason = null
        return
      } catch (error) {
        const code = error instanceof SchemaRegistryError ? error.code : null
        this.reason = (error as Error).message
        if (code !== 'UNREACHABLE' && code !== 'CONTENDED') throw error
        if (!this.#closed) await this.#pause(pauseMs)
      }
    }
    throw new SchemaRegistryError('CLOSED', 'the schema registry was closed before it was ready')
  }

  close(): void {
    this.#closed = true
    this.#endPause?.()
  }

  async #pause(ms: number): Promise<void> {
    const now = this.#environment.monotonic()
    if (now - this.#reportedMs >= REPORT_EVERY_MS) {
      this.#reportedMs = now
      this.#onProblem(`${this.reason}; will be tried again`)
    }
    let cancel: Cancel = () => {}
    await new Promise<void>((resolve) => {
      this.#endPause = resolve
      cancel = this.#environment.after(ms, resolve)
    })
    cancel()
  }
}
