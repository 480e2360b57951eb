import { expect, it } from 'vitest'
import { chunkOf } from '../../../processors/dlq/pace.ts'
import { fc } from '../../support/fast-check.ts'

const MOST = 200

/** Times at which letters go, when chunk k begins `delays[k]` ms late. */
function timesOf(rate: number, delays: readonly number[]): number[] {
  const times: number[] = []
  let now = 0
  delays.forEach((delay, tick) => {
    const { letters, intervalMs } = chunkOf(rate, tick, MOST)
    now += delay
    for (let i = 0; i < letters; i++) times.push(now)
    now += intervalMs
  })
  return times
}

function mostInASecond(times: readonly number[]): number {
  let most = 0
  for (let first = 0, last = 0; last < times.length; last++) {
    while (times[last]! - times[first]! >= 1000) first++
    most = Math.max(most, last - first + 1)
  }
  return most
}

const delays = fc.array(fc.oneof(fc.constant(0), fc.nat(2500)), { minLength: 1, maxLength: 300, size: 'max' })

it('never exceeds a whole rate in any second', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20_000 }), delays, (rate, late) => {
      expect(mostInASecond(timesOf(rate, late))).toBeLessThanOrEqual(rate)
    }),
  )
})

it('counts whole rates exactly, however their tenths are rounded', () => {
  expect(mostInASecond(timesOf(14, new Array<number>(56).fill(0)))).toBe(14)
})

it('exceeds a fractional rate by less than one letter', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.1, max: 500, noNaN: true }), delays, (rate, late) => {
      expect(mostInASecond(timesOf(rate, late))).toBeLessThan(rate + 1)
    }),
  )
})

it.each([1, 7, 10, 25, 99, 500, 2_000, 2_500, 20_000])('comes within 2 %% of %d per second', (rate) => {
  const punctual = new Array<number>(rate > 2_000 ? 1_000 : 100).fill(0)
  const times = timesOf(rate, punctual)
  const spanMs = times.at(-1)! + chunkOf(rate, 0, MOST).intervalMs
  expect((times.length * 1000) / spanMs / rate).toBeGreaterThan(0.98)
})

it('takes whole chunks without a cap', () => {
  expect(chunkOf(0, 5, MOST)).toEqual({ letters: MOST, intervalMs: 1 })
})
