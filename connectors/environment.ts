import { randomFillSync } from 'node:crypto'
import type { Environment } from '../topology/environment.ts'

const pool = new Uint32Array(1024)
let next = pool.length

/** The real clock, timers and randomness. */
export const realEnvironment: Environment = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, Math.min(ms, 0x7fffffff))
    return () => clearTimeout(timer)
  },
  soon(callback) {
    setImmediate(callback)
  },
  randomU32() {
    if (next === pool.length) {
      randomFillSync(pool)
      next = 0
    }
    return pool[next++]!
  },
}
