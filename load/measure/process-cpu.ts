import { readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100

/** CPU time that a process has spent so far, in microseconds (Linux). @throws if there is no such process */
export function processCpuUs(pid: number | string): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1_000_000
}
