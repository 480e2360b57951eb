/** Violations as they are found: all are counted, the first ones kept. */
import type { Violation, ViolationCode } from './report.ts'

export class Findings {
  readonly counts = new Map<ViolationCode, number>()
  readonly kept: Violation[] = []
  readonly notes = new Set<string>()
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  add(code: ViolationCode, where: string, message: string): void {
    this.counts.set(code, this.count(code) + 1)
    if (this.kept.length < this.#limit) this.kept.push({ code, where, message })
  }

  /** Something that keeps the check from being complete. */
  note(text: string): void {
    this.notes.add(text)
  }

  count(...codes: readonly ViolationCode[]): number {
    return codes.reduce((sum, code) => sum + (this.counts.get(code) ?? 0), 0)
  }
}
