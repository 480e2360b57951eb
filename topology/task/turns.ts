/**
 * Who of a process's tasks may decide now. After a slice of time the rest of the event loop has its turn, however much is left to decide: with a slice for each task a backlog of many
 * partitions would hold up those who submit by the sum of them.
 */
import type { Environment } from '../environment.ts'

const SLICE_MS = 8

export class Turns {
  readonly #environment: Pick<Environment, 'monotonic' | 'soon'>
  #waiting: (() => void)[] = []
  #queued = false

  constructor(environment: Pick<Environment, 'monotonic' | 'soon'>) {
    this.#environment = environment
  }

  /** Calls it in a later turn of the event loop, in the order of asking. What it throws is thrown there; the others have their turn. */
  soon(step: () => void): void {
    this.#waiting.push(step)
    this.#queue()
  }

  #queue(): void {
    if (this.#queued) return
    this.#queued = true
    this.#environment.soon(() => {
      this.#queued = false
      this.#take()
    })
  }

  /** What is asked for meanwhile waits for the next turn. */
  #take(): void {
    const steps = this.#waiting
    this.#waiting = []
    const until = this.#environment.monotonic() + SLICE_MS
    let taken = 0
    try {
      while (taken < steps.length && (taken === 0 || this.#environment.monotonic() < until)) steps[taken++]!()
    } finally {
      if (taken < steps.length) {
        this.#waiting = [...steps.slice(taken), ...this.#waiting]
        this.#queue()
      }
    }
  }
}
