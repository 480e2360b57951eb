/**
 * A capped rate, exactly: chunk number k (from 0) of a sweep may act on so many letters, and the next one is due so much later. In any second that
 * begins with a chunk there are at most `rate` letters (one more if the rate is a fraction); time in which nothing ran is not made up for.
 */
export interface Chunk {
  readonly letters: number
  /** Least time until the next chunk. */
  readonly intervalMs: number
}

/** Ten years: what is due must be an instant that a row can hold. */
const LONGEST_MS = 315_360_000_000

export function chunkOf(ratePerSecond: number, tick: number, most: number): Chunk {
  if (ratePerSecond === 0) return { letters: most, intervalMs: 1 }
  if (ratePerSecond < 10) return { letters: 1, intervalMs: Math.min(LONGEST_MS, Math.ceil(1000 / ratePerSecond)) }
  const intervalMs = ratePerSecond <= most * 10 ? 100 : 10
  // divided last, so that whole rates are counted exactly
  const before = (chunk: number) => Math.floor((chunk * ratePerSecond * intervalMs) / 1000)
  return { letters: Math.min(most, before(tick + 1) - before(tick)), intervalMs }
}
