/** Who waits for which runs to end. */
import type { RunId } from '../../schemas/ids.ts'

export class WaitingRuns {
  readonly #waiting = new Map<RunId, Set<() => void>>()

  /** Calls back once when the run has ended; returns how to give up. */
  add(runId: RunId, ended: () => void): () => void {
    const waiting = this.#waiting.get(runId) ?? new Set<() => void>()
    waiting.add(ended)
    this.#waiting.set(runId, waiting)
    return () => {
      waiting.delete(ended)
      if (waiting.size === 0 && this.#waiting.get(runId) === waiting) this.#waiting.delete(runId)
    }
  }

  runs(): RunId[] {
    return [...this.#waiting.keys()]
  }

  /** Nobody need wait any longer. */
  all(): void {
    this.ended(this.runs())
  }

  ended(runs: readonly RunId[]): void {
    if (this.#waiting.size === 0) return
    for (const runId of runs) {
      const waiting = this.#waiting.get(runId)
      if (waiting === undefined) continue
      this.#waiting.delete(runId)
      for (const ended of waiting) ended()
    }
  }
}
