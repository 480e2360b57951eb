/** How many requests there were lately, how long they took and how many failed: what the older console's dashboard shows. */
import type { Environment } from '../../topology/environment.ts'

export interface RecentRequests {
  /** Requests a second. */
  readonly rps: number
  /** Milliseconds, rounded up to the next step of the measure (a quarter more, at most). */
  readonly latency: { readonly p50: number; readonly p95: number; readonly p99: number }
  /** Part of the answers that were 5xx, 0..1. */
  readonly errorRate: number
  /** Answers that were 429. */
  readonly limited: number
}

const SECONDS = 60
/** Upper ends: 0.1 ms, each a quarter above the one before, to about 100 s. */
const STEPS = 63
const FIRST_MS = 0.1
const GROWTH = 1.25
const LOG_GROWTH = Math.log(GROWTH)

interface Second {
  at: number
  count: number
  failed: number
  limited: number
  readonly steps: Uint32Array
}

export interface RecentRequestsMeter {
  observe(status: number, ms: number): void
  read(): RecentRequests
}

/** A fixed amount of memory for as long as it lives. */
export function recentRequests(environment: Environment): RecentRequestsMeter {
  const startedS = Math.floor(environment.monotonic() / 1000)
  const seconds = Array.from({ length: SECONDS }, (): Second => {
    return { at: -1, count: 0, failed: 0, limited: 0, steps: new Uint32Array(STEPS) }
  })
  return {
    observe(status, ms) {
      const second = secondAt(seconds, Math.floor(environment.monotonic() / 1000))
      second.count += 1
      if (status >= 500) second.failed += 1
      else if (status === 429) second.limited += 1
      second.steps[stepOf(ms)]! += 1
    },
    read() {
      const nowS = Math.floor(environment.monotonic() / 1000)
      const kept = seconds.filter(({ at }) => at >= 0 && at > nowS - SECONDS)
      return summed(kept, Math.max(1, Math.min(SECONDS, nowS - startedS)))
    },
  }
}

function secondAt(seconds: readonly Second[], nowS: number): Second {
  const second = seconds[nowS % SECONDS]!
  if (second.at === nowS) return second
  Object.assign(second, { at: nowS, count: 0, failed: 0, limited: 0 })
  second.steps.fill(0)
  return second
}

function stepOf(ms: number): number {
  if (ms <= FIRST_MS) return 0
  return Math.min(STEPS - 1, Math.ceil(Math.log(ms / FIRST_MS) / LOG_GROWTH))
}

function summed(seconds: readonly Second[], lengthS: number): RecentRequests {
  const steps = new Float64Array(STEPS)
  let count = 0
  let failed = 0
  let limited = 0
  for (const second of seconds) {
    count += second.count
    failed += second.failed
    limited += second.limited
    for (const [step, times] of second.steps.entries()) steps[step]! += times
  }
  const percentile = (part: number): number => valueAt(steps, part * count)
  return {
    rps: rounded(count / lengthS),
    latency: { p50: percentile(0.5), p95: percentile(0.95), p99: percentile(0.99) },
    errorRate: count === 0 ? 0 : rounded(failed / count),
    limited,
  }
}

function valueAt(steps: Float64Array, rank: number): number {
  let seen = 0
  for (const [step, times] of steps.entries()) {
    seen += times
    if (times > 0 && seen >= rank) return rounded(FIRST_MS * GROWTH ** step)
  }
  return 0
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}
