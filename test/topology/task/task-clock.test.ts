import { describe, expect, it } from 'vitest'
import type { Environment } from '../../../topology/environment.ts'
import { TaskClock } from '../../../topology/task/task-clock.ts'

function fakeTime(wall: number) {
  const time = { wall, monotonic: 0 }
  const environment = { now: () => time.wall, monotonic: () => time.monotonic } as Environment
  const pass = (ms: number): void => {
    time.wall += ms
    time.monotonic += ms
  }
  return { time, environment, pass }
}

describe('TaskClock', () => {
  it('follows the wall clock', () => {
    const { environment, pass, time } = fakeTime(1_000)
    const clock = new TaskClock(environment, 0)
    expect(clock.now()).toBe(1_000)
    pass(50)
    expect(clock.now()).toBe(1_050)
    time.wall += 10_000
    expect(clock.now()).toBe(11_050)
  })

  it('goes on at the speed of the monotonic clock when the wall clock is set back', () => {
    const { environment, pass, time } = fakeTime(10_000)
    const clock = new TaskClock(environment, 0)
    expect(clock.now()).toBe(10_000)
    time.wall = 2_000
    expect(clock.now()).toBe(10_000)
    pass(70)
    expect(clock.now()).toBe(10_070)
  })

  it('starts from the high mark of its state', () => {
    const { environment, pass } = fakeTime(5_000)
    const clock = new TaskClock(environment, 9_000)
    expect(clock.now()).toBe(9_000)
    pass(10)
    expect(clock.now()).toBe(9_010)
  })

  it('does not run ahead after the process was held up while it read the time', () => {
    const { environment, pass } = fakeTime(1_000)
    let held = 60_000
    const heldUp = (read: () => number) => () => {
      const time = read()
      pass(held)
      held = 0
      return time
    }
    const clock = new TaskClock({ ...environment, now: heldUp(environment.now), monotonic: environment.monotonic }, 0)
    clock.now()
    held = 60_000
    clock.now()
    expect(clock.now()).toBe(environment.now())
    const other = new TaskClock({ ...environment, monotonic: heldUp(environment.monotonic) }, 0)
    held = 60_000
    other.now()
    expect(other.now()).toBe(environment.now())
  })
})
