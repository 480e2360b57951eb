/** Which records of one partition of a pool are finished, kept so that it is cheap to tell and short to store. */

import { ChurningSet } from '../../schemas/churning.ts'

/** All records below `next` are finished, and the runs `[from, to)` beyond it, ascending and disjoint. */
export interface Progress {
  readonly next: number
  readonly beyond: readonly FinishedRun[]
}

export type FinishedRun = readonly [from: number, to: number]

/**
 * Invariants:
 *  P1  records are read in ascending order; offsets that were skipped over by the log count as finished;
 *  P2  an offset below the read position is finished unless it is open;
 *  P3  an offset at or beyond the read position is finished only if the restored progress or an early `finish` says so.
 */
export class ProgressTracker {
  /** Read and not finished; ascending, since a Set keeps the order of insertion (P1). */
  readonly #open = new ChurningSet<number>()
  /** Finished before they were read. */
  readonly #early = new ChurningSet<number>()
  readonly #restored: readonly FinishedRun[]
  #restoredAt = 0
  #position: number

  constructor(restored: Progress) {
    this.#position = restored.next
    this.#restored = restored.beyond
  }

  /** Offset after the last record read. */
  get position(): number {
    return this.#position
  }

  get openCount(): number {
    return this.#open.size
  }

  /** The unfinished record that holds the window, if any. */
  get lowest(): number | undefined {
    for (const offset of this.#open) return offset
    return undefined
  }

  /** A record was read. Answers whether it is still to be done; then it is open until `finish`. */
  read(offset: number): boolean {
    if (offset < this.#position) return this.#open.has(offset)
    this.#position = offset + 1
    if (this.#early.delete(offset) || this.#wasFinished(offset)) return false
    this.#open.add(offset)
    return true
  }

  /** Repeats change nothing. An offset may be finished before it is read. */
  finish(offset: number): void {
    if (!this.#open.delete(offset) && offset >= this.#position) this.#early.add(offset)
  }

  snapshot(): Progress {
    const runs: [number, number][] = []
    let end = -1
    for (const offset of this.#open) {
      if (end >= 0 && offset > end) runs.push([end, offset])
      end = offset + 1
    }
    const lowest = this.lowest
    if (end >= 0 && this.#position > end) runs.push([end, this.#position])
    for (const run of this.#ahead()) {
      const last = runs.at(-1)
      if (last !== undefined && last[1] >= run[0]) last[1] = Math.max(last[1], run[1])
      else runs.push([run[0], run[1]])
    }
    let next = lowest ?? this.#position
    while (lowest === undefined && runs.length > 0 && runs[0]![0] <= next) next = Math.max(next, runs.shift()![1])
    return { next, beyond: runs }
  }

  #wasFinished(offset: number): boolean {
    while (this.#restoredAt < this.#restored.length && this.#restored[this.#restoredAt]![1] <= offset)
      this.#restoredAt++
    const run = this.#restored[this.#restoredAt]
    return run !== undefined && run[0] <= offset
  }

  /** What is known to be finished at or beyond the read position, ascending. */
  #ahead(): FinishedRun[] {
    const runs: FinishedRun[] = []
    for (let i = this.#restoredAt; i < this.#restored.length; i++) {
      const [from, to] = this.#restored[i]!
      if (to > this.#position) runs.push([Math.max(from, this.#position), to])
    }
    for (const offset of this.#early) runs.push([offset, offset + 1])
    return this.#early.size > 0 ? runs.sort((a, b) => a[0] - b[0]) : runs
  }
}
