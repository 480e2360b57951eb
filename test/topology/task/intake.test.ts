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
      for (let i = 0; i < 200; i++) intake.arrived(backlog * MOST, MOST)
    },
  }
}

const MOST = 500_000

describe('Intake', () => {
  it('bounds nothing while submissions come slowly', () => {
    const { intake } = setup()
    intake.arrived(0, MOST)
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

  it('holds a process that stood still against decisions for some seconds at most', () => {
    const { intake, pass, heat } = setup()
    heat(0)
    expect(intake.allowanceMs()).toBeGreaterThan(0)
    pass(60_000)
    heat(0)
    intake.spent(60_000)
    for (let ms = 0; ms < 6_000; ms += 10) {
      pass(10)
      heat(0)
    }
    const allowance = intake.allowanceMs()
    expect(allowance).toBeGreaterThan(0)
    expect(allowance).toBeLessThan(Number.POSITIVE_INFINITY)
  })

  it.each([
    ['a moment, is over at once', 20, 0, 100],
    ['long, outlasts a pause of part of it', 2_000, 450, 600],
    ['very long, is over after a second all the same', 60_000, 950, 1_100],
  ])('a rush that lasted %s', (_what, rushMs, stillHotAfter, overAfter) => {
    const { intake, pass, heat } = setup()
    for (let ms = 0; ms < rushMs; ms += 10) {
      heat(0)
      pass(10)
    }
    pass(stillHotAfter)
    expect(intake.allowanceMs()).toBeLessThan(Number.POSITIVE_INFINITY)
    pass(overAfter - stillHotAfter)
    expect(intake.allowanceMs()).toBe(Number.POSITIVE_INFINITY)
  })

  /** Feeds submissions, of which those beyond what decisions manage stay; answers for how many of the milliseconds intake was hot. */
  function feeder(waiting: number) {
    const { intake, pass } = setup()
    return (perSecond: number, decidedPerSecond: number, forMs: number): number => {
      let hot = 0
      for (let ms = 0; ms < forMs; ms += 5) {
        const bounded = intake.allowanceMs() < Number.POSITIVE_INFINITY
        waiting = Math.max(0, waiting + (perSecond - (bounded ? 0 : decidedPerSecond)) / 200)
        for (let i = 0; i < perSecond / 200; i++) intake.arrived(waiting, MOST)
        if (bounded) hot += 5
        pass(5)
      }
      return hot
    }
  }

  it('goes before decisions that fall behind, however slow the machine', () => {
    expect(feeder(0)(4_000, 1_500, 20_000)).toBeGreaterThan(15_000)
  })

  it.each([
    ['decisions keep up', 4_000, 4_500, 0],
    ['a backlog is being worked off', 4_000, 5_000, 50_000],
    ['they nearly keep up', 4_000, 3_000, 0],
    ['few come', 1_000, 200, 50_000],
  ])('does not while %s', (_what, perSecond, decidedPerSecond, before) => {
    expect(feeder(before)(perSecond, decidedPerSecond, 20_000)).toBe(0)
  })

  it('looks again after a while, and lets go when decisions would keep up', () => {
    const feed = feeder(0)
    feed(4_000, 1_000, 3_000)
    expect(feed(4_000, 1_000, 1_000)).toBe(1_000)
    feed(2_000, 6_000, 5_000)
    expect(feed(2_000, 6_000, 60_000)).toBe(0)
  })
})
