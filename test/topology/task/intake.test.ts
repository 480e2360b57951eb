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
    heat(backlog: number) {
      for (let i = 0; i < 200; i++) intake.arrived(backlog)
    },
  }
}

describe('Intake', () => {
  it('bounds nothing while submissions come slowly', () => {
    const { intake } = setup()
    intake.arrived(0)
    expect(intake.allowanceMs()).toBe(Number.POSITIVE_INFINITY)
  })

  const shares = [
    ['little while the backlog is small', 0, 5, 20],
    ['little up to half of the bound', 0.5, 5, 20],
    ['half when the backlog is far up', 0.75, 450, 600],
    ['nearly all just below the bound', 0.97, 850, 950],
  ] as const
  it.each(shares)(
    'gives decisions a share of the time while submissions pour in: %s',
    (_what, backlog, least, most) => {
      const { intake, pass, heat } = setup()
      let spent = 0
      for (let ms = 0; ms < 1_000; ms++) {
        heat(backlog)
        if (intake.allowanceMs() > 0) {
          intake.spent(1)
          spent++
        }
        pass(1)
      }
      expect(spent).toBeGreaterThanOrEqual(least)
      expect(spent).toBeLessThanOrEqual(most)
    },
  )

  it('does not hold against decisions what they took before submissions began to pour in', () => {
    const { intake, pass, heat } = setup()
    for (let ms = 0; ms < 60_000; ms += 10) {
      intake.allowanceMs()
      pass(8)
      intake.spent(8)
      pass(2)
    }
    heat(0)
    expect(intake.allowanceMs()).toBeLessThan(Number.POSITIVE_INFINITY)
    expect(intake.retryMs).toBeLessThanOrEqual(100)
  })
})
