import { describe, expect, it } from 'vitest'
import { QUEUE } from '../../../processors/route/stores.ts'
import type { TaskDriver } from '../../support/outcome.ts'
import { ready, released, routeTask, worker } from './world.ts'

const TIMEOUT_MS = 10_000
const GRACE_MS = 60_000
const PATIENCE_MS = TIMEOUT_MS + GRACE_MS

/** A task that is awake all the time: it looks every second. When the attempt was given up, since the start; `null` if it was not. */
function lostAfter(task: TaskDriver, withinMs: number, each: (ms: number) => void = () => {}): number | null {
  for (let ms = 1000; ms <= withinMs; ms += 1000) {
    const emits = task.advance(1000)
    if (emits.some(({ topic, record }) => topic === 'result' && record.kind === 'AttemptFinished')) return ms
    each(ms)
  }
  return null
}

function assigned(): TaskDriver {
  const task = routeTask()
  task.send('route', worker(0, 'w1'))
  task.send('route', ready(1))
  return task
}

describe('an attempt nothing is heard of', () => {
  it('is given up after its timeout and the grace', () => {
    const task = assigned()
    expect(lostAfter(task, 200_000)).toBe(PATIENCE_MS)
    expect(task.emits.at(-1)).toMatchObject({
      topic: 'result',
      record: {
        kind: 'AttemptFinished',
        attempt: 1,
        status: 'lost',
        workerId: 'route',
        error: {
          code: 'WORKER_LOST',
          class: 'transient',
          message: "nothing was heard of the attempt for 70000 ms after it was given to partition 0 of pool 'io'",
        },
      },
    })
  })

  it('is given up once, and keeps its slot until the result processor has decided', () => {
    const task = assigned()
    lostAfter(task, 200_000)
    expect(task.advance(10_000_000)).toEqual([])
    expect(task.state.rows(QUEUE).size).toBe(1)
    task.send('route', released(1))
    expect(task.state.rows(QUEUE).size).toBe(0)
  })

  it('is not given up when it has ended', () => {
    const task = assigned()
    task.send('route', released(1))
    expect(lostAfter(task, 200_000)).toBeNull()
  })

  it('gets time again when its partition has a new owner', () => {
    const task = assigned()
    const lost = lostAfter(task, 300_000, (ms) => {
      if (ms === 50_000) task.send('route', worker(0, 'w2'))
    })
    expect(lost).toBe(50_000 + PATIENCE_MS)
  })

  it('is waited for while its partition ends other attempts, but not for ever', () => {
    const task = assigned()
    let n = 2
    const lost = lostAfter(task, 5_000_000, () => {
      task.send('route', ready(n))
      task.send('route', released(n++))
    })
    expect(lost).toBe(TIMEOUT_MS + 3_600_000)
  })

  it('is waited for while no worker of the pool is known, but not for ever', () => {
    const task = assigned()
    task.send('route', worker(0, 'w1', { state: 'revoked' }))
    expect(lostAfter(task, 5_000_000)).toBe(TIMEOUT_MS + 3_600_000)
  })

  it('is waited for again after a time in which the task did not run', () => {
    const task = assigned()
    task.now += 2 * PATIENCE_MS
    expect(task.advance(0)).toEqual([])
    expect(lostAfter(task, 200_000)).toBe(PATIENCE_MS)
  })
})
