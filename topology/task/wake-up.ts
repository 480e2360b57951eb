/** Calls a task's step when there is something to do: soon, or when the next row is due. Never more than one call is pending of each. */
import type { Cancel, Environment } from '../environment.ts'

export class WakeUp {
  readonly #environment: Environment
  readonly #turns: Pick<Environment, 'soon'>
  readonly #step: () => void
  #soon = false
  #stopped = false
  #armedFor = Number.POSITIVE_INFINITY
  #cancel: Cancel | null = null

  constructor(environment: Environment, turns: Pick<Environment, 'soon'>, step: () => void) {
    this.#environment = environment
    this.#turns = turns
    this.#step = step
  }

  soon(): void {
    if (this.#soon || this.#stopped) return
    this.#soon = true
    this.#turns.soon(() => {
      this.#soon = false
      if (!this.#stopped) this.#step()
    })
  }

  /** Wakes in `ms` milliseconds (`null`: no need), unless an earlier call is pending already. */
  at(ms: number | null): void {
    if (ms === null || this.#stopped) return
    const at = this.#environment.monotonic() + ms
    if (at >= this.#armedFor) return
    this.#cancel?.()
    this.#armedFor = at
    this.#cancel = this.#environment.after(Math.max(1, ms), () => {
      this.#armedFor = Number.POSITIVE_INFINITY
      this.#cancel = null
      this.soon()
    })
  }

  stop(): void {
    this.#stopped = true
    this.#cancel?.()
  }
}
