import { describe, expect, it } from 'vitest'
import type { Environment } from '../../../topology/environment.ts'
import { Intake } from '../../../topology/task/intake.ts'

function setup() {
  let now = 0
  const environment: Environment = {
    now: () => now,
    monotonic: () => now,
    after: () => () => undefined,
    soon: () => undefined,
    randomU32: () => 0,
  }
  const intake = new Intake(environment)
  return {
    intake,
    pass(ms: number) {
      now += ms
    },
    heat() {
      for (let i = 0; i < 200; i++) intake.arrived()
    },
  }
}

describe('Intake', () => {
  it('bounds nothing while submissions come slowly', () => {
    const { intake } = setup()
    intake.arrived()
    expect(intake.allowanceMs()).toBe(Number.POSITIVE_INFINITY)
  })

  it('gives decisions a share of the time while submissions pour in, and never none', () => {
    const { intake, pass, heat } = setup()
    let spent = 0
    for (let ms = 0; ms < 1_000; ms++) {
      heat()
      const allowance = intake.allowanceMs()
      if (allowance > 0) {
        intake.spent(1)
        spent++
      }
      pass(1)
    }
    expect(spent).toBeGreaterThan(150)
    expect(spent).toBeLessThan(260)
  })

  it('does not hold against decisions what they took before submissions began to pour in', () => {
    const { intake, pass, heat } = setup()
    for (let ms = 0; ms < 60_000; ms += 10) {
      intake.allowanceMs()
      pass(8)
      intake.spent(8)
      pass(2)
    }
    heat()
    expect(intake.allowanceMs()).toBeLessThan(Number.POSITIVE_INFINITY)
    expect(intake.retryMs).toBeLessThanOrEqual(100)
  })
})
