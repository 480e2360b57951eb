/**
 * Rows that the log keeps as a place in `ingest` instead of their bytes: large inputs, which would else be written twice within moments, though most runs end
 * soon and delete them. A row that stays is written in full after a while, since `ingest` has a retention and the state has none.
 */
import { ChurningMap } from '../../schemas/churning.ts'
import type { ChangelogEntry } from '../log/port.ts'

/** Shorter values are not worth a second read on restore. */
const LEAST_BYTES = 8 * 1024
/** Far below any retention, far above the life of a run that does not wait. */
const WRITTEN_OUT_AFTER_MS = 10_000

export class References {
  /** False: every row is written in full. */
  wanted = false
  /** By changelog key: the record that a row changed since the last cut was taken from. */
  readonly #brought = new Map<string, number>()
  /** By changelog key: since when the row is a reference, the oldest first. */
  readonly #since = new ChurningMap<string, number>()

  get size(): number {
    return this.#since.size
  }

  brought(key: string, offset: number): void {
    if (this.wanted) this.#brought.set(key, offset)
  }

  /** The source of a row that is cut, if it is to have one. */
  cut(key: string, value: Uint8Array | null, nowMs: number): number | undefined {
    const source = value === null || value.length < LEAST_BYTES ? undefined : this.#brought.get(key)
    // one that becomes a reference again goes to the end of the order
    if (this.#since.size > 0) this.#since.delete(key)
    if (source !== undefined) this.#since.set(key, nowMs)
    return source
  }

  forgetBrought(): void {
    if (this.#brought.size > 0) this.#brought.clear()
  }

  restored({ key, source }: ChangelogEntry): void {
    if (this.#since.size > 0) this.#since.delete(key)
    if (source !== undefined) this.#since.set(key, Number.NEGATIVE_INFINITY)
  }

  /** Keys of rows that have been references for too long. */
  old(nowMs: number, most: number): readonly string[] {
    const found: string[] = []
    if (this.#since.size === 0) return found
    for (const [key, since] of this.#since.entries()) {
      if (found.length >= most || nowMs - since < WRITTEN_OUT_AFTER_MS) break
      found.push(key)
    }
    return found
  }

  /** Milliseconds until there is one; `null` if there is no reference. */
  oldInMs(nowMs: number): number | null {
    const [since] = this.#since.values()
    return since === undefined ? null : Math.max(0, since + WRITTEN_OUT_AFTER_MS - nowMs)
  }
}
