/** CPU time by thread (Linux), for telling which part of a process something costs. */
import { readdirSync, readFileSync } from 'node:fs'

/** Microseconds by name; threads of one name are summed. Those that have ended are not in it. */
export type CpuByThread = ReadonlyMap<string, number>

/** @throws if there is no such process */
export function threadCpuUs(pid: number): CpuByThread {
  const spent = new Map<string, number>()
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const place = `/proc/${pid}/task/${thread}`
    const name = textOf(`${place}/comm`)?.trim()
    // in nanoseconds: the other counters move in steps of ten milliseconds
    const ranNs = textOf(`${place}/schedstat`)?.split(' ')[0]
    if (name === undefined || ranNs === undefined) continue
    spent.set(name, (spent.get(name) ?? 0) + Number(ranNs) / 1000)
  }
  return spent
}

/** `undefined` of a thread that has ended meanwhile. */
function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

export function cpuSince(before: CpuByThread, after: CpuByThread): Map<string, number> {
  return new Map([...after].map(([name, us]) => [name, us - (before.get(name) ?? 0)]))
}

export function totalCpuUs(spent: CpuByThread): number {
  return [...spent.values()].reduce((sum, us) => sum + us, 0)
}

const US_PER_TICK = 10_000

/** What the whole machine has spent, in microseconds; what its host has taken from it counts too. */
export function machineCpuUs(): number {
  const [user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]!
    .trim()
    .split(/ +/)
    .slice(1)
    .map(Number)
  return (user! + nice! + system! + irq! + softirq! + steal!) * US_PER_TICK
}
