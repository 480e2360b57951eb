/** Which threads may wait where cores are short. */
import { stat } from 'node:fs'
import { getPriority, setPriority } from 'node:os'

/**
 * The calling thread leaves the cores to others: it gets at least this nice value, 0..19. A value of a thread's own is something only Linux has; elsewhere nothing is changed, since the
 * whole process would give way.
 */
export function giveWay(nice: number): void {
  if (nice === 0 || process.platform !== 'linux') return
  // The threads of libuv's pool, which is everybody's, are started with the first work for it, and are as those that start them.
  stat('/', () => {})
  setPriority(Math.max(nice, getPriority()))
}
