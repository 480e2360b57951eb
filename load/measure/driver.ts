/** Load drivers: they call `one(i)` for each run and time how long its promise takes. */

import { Random } from '../process/random.ts'
import { type Percentiles, percentiles, round } from './statistics.ts'

export type One = (index: number) => Promise<unknown>

export interface LoadResult {
  readonly runs: number
  readonly seconds: number
  readonly runs_per_s: number
  /** Milliseconds. */
  readonly latency: Percentiles
}

/** `inFlight` callers, each of which starts its next run when the one before has ended. */
export async function closedLoop(one: One, runs: number, inFlight: number): Promise<LoadResult> {
  const latencies: number[] = []
  let next = 0
  const start = performance.now()
  const caller = async (): Promise<void> => {
    while (next < runs) {
      const index = next++
      const began = performance.now()
      await one(index)
      latencies.push(performance.now() - began)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, caller))
  return summary(runs, (performance.now() - start) / 1000, latencies)
}

/**
 * Starts runs at fixed instants whatever became of the earlier ones. Latency counts from the instant at which a run should have started, so a
 * stall of the system (or of this process) shows in every run that it held up.
 */
export async function openLoop(one: One, ratePerSecond: number, seconds: number): Promise<LoadResult> {
  const runs = Math.round(ratePerSecond * seconds)
  const intervalMs = 1000 / ratePerSecond
  const latencies: number[] = []
  const pending: Promise<void>[] = []
  const failures: unknown[] = []
  const start = performance.now() + 5
  for (let index = 0; index < runs; ) {
    const dueAt = start + index * intervalMs
    const wait = dueAt - performance.now()
    if (wait > 0) {
      await pause(wait)
      continue
    }
    pending.push(
      one(index).then(
        () => void latencies.push(performance.now() - dueAt),
        (error: unknown) => void failures.push(error),
      ),
    )
    index++
  }
  await Promise.all(pending)
  if (failures.length > 0) throw failures[0]
  return summary(runs, (performance.now() - start) / 1000, latencies)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function summary(runs: number, seconds: number, latencies: readonly number[]): LoadResult {
  return { runs, seconds: round(seconds), runs_per_s: round(runs / seconds), latency: percentiles(latencies) }
}

/** Texts that packing cannot make smaller by themselves, so that a log which packs gains only by what it really repeats. */
const NOISE = Array.from({ length: 256 }, (_, seed) => {
  const random = new Random(seed + 1)
  return Array.from({ length: 512 }, () => random.u32().toString(36).padStart(7, '0')).join('')
})

/** A JSON object whose text has exactly `bytes` bytes; different for each index. */
export function payloadOf(bytes: number, index: number): { readonly index: string; readonly text: string } {
  const tag = String(index).padStart(8, '0')
  const empty = JSON.stringify({ index: tag, text: '' }).length
  const needed = Math.max(0, bytes - empty)
  const noise = NOISE[index % NOISE.length]!
  const text =
    noise.length >= needed ? noise.slice(0, needed) : noise.repeat(Math.ceil(needed / noise.length)).slice(0, needed)
  return { index: tag, text }
}
