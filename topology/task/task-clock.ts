/**
 * A task's time: wall clock time that never goes back. When the wall clock is set back, time goes on from its high mark at the speed of the monotonic
 * clock, so that nothing that was decided fires again and nothing waits for the wall clock to catch up.
 */
import type { EpochMs } from '../../schemas/ids.ts'
import type { Environment } from '../environment.ts'

export class TaskClock {
  readonly #environment: Environment
  #mark: number
  #markAt: number

  /** `highMark`: the latest time the task has decided at, from its state. */
  constructor(environment: Environment, highMark: EpochMs) {
    this.#environment = environment
    this.#mark = highMark
    this.#markAt = environment.monotonic()
  }

  now(): EpochMs {
    // In this order: were the process held up in between, the wall clock would seem to have been set back for good
    const wall = this.#environment.now()
    const monotonic = this.#environment.monotonic()
    const carriedOn = this.#mark + (monotonic - this.#markAt)
    this.#mark = Math.max(wall, carriedOn)
    this.#markAt = monotonic
    return Math.floor(this.#mark)
  }
}
