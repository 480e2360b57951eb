/** A CPU profile and a summary of the heap of this process, made from within. */
import { Session } from 'node:inspector/promises'
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'
import type { Environment } from '../../topology/environment.ts'

export interface HeapSummary {
  readonly pid: number
  readonly node: string
  readonly uptime_s: number
  readonly memory: NodeJS.MemoryUsage
  readonly limit_bytes: number
  readonly spaces: readonly { readonly name: string; readonly used_bytes: number; readonly size_bytes: number }[]
  readonly cpu_ms: { readonly user: number; readonly system: number }
}

export interface Profile {
  readonly heap: HeapSummary
  /** As Chrome's developer tools read it: a `.cpuprofile`. */
  readonly profile: unknown
}

const SAMPLE_US = 1_000

/** Profiles the main thread for so long, or until the signal fires. Not for two callers at once. */
export async function profileProcess(environment: Environment, ms: number, signal: AbortSignal): Promise<Profile> {
  const session = new Session()
  session.connect()
  try {
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_US })
    await session.post('Profiler.start')
    await until(environment, ms, signal)
    const { profile } = await session.post('Profiler.stop')
    return { heap: heapSummary(), profile }
  } finally {
    session.disconnect()
  }
}

function until(environment: Environment, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const cancel = environment.after(ms, resolve)
    const end = (): void => {
      cancel()
      resolve()
    }
    signal.addEventListener('abort', end, { once: true })
  })
}

export function heapSummary(): HeapSummary {
  const { user, system } = process.cpuUsage()
  return {
    pid: process.pid,
    node: process.version,
    uptime_s: Math.round(process.uptime()),
    memory: process.memoryUsage(),
    limit_bytes: getHeapStatistics().heap_size_limit,
    spaces: getHeapSpaceStatistics().map((space) => ({
      name: space.space_name,
      used_bytes: space.space_used_size,
      size_bytes: space.space_size,
    })),
    cpu_ms: { user: Math.round(user / 1_000), system: Math.round(system / 1_000) },
  }
}
