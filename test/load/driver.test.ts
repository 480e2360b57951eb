import { expect, test } from 'vitest'
import { closedLoop, openLoop, payloadOf } from '../../load/measure/driver.ts'
import { median, percentiles } from '../../load/measure/statistics.ts'

test('a closed loop keeps to the number in flight and does every run once', async () => {
  let inFlight = 0
  let most = 0
  const done: number[] = []
  const result = await closedLoop(
    async (index) => {
      most = Math.max(most, ++inFlight)
      await Promise.resolve()
      inFlight--
      done.push(index)
    },
    50,
    7,
  )
  expect(most).toBe(7)
  expect(done.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index))
  expect(result.runs).toBe(50)
})

test('a stall shows in every run that should have started during it', async () => {
  const stallMs = 120
  const result = await openLoop(
    async (index) => {
      if (index !== 5) return
      const until = performance.now() + stallMs
      while (performance.now() < until) {
        // holds up this thread, so that later runs start late
      }
    },
    200,
    0.5,
  )
  expect(result.runs).toBe(100)
  // 24 runs were due in the stall; timed from their real start they would all look instant
  expect(result.latency.max).toBeGreaterThanOrEqual(stallMs)
  expect(result.latency.p95).toBeGreaterThanOrEqual(stallMs / 2)
})

test('a failing run fails the measurement', async () => {
  const boom = () => Promise.reject(new Error('boom'))
  await expect(closedLoop(boom, 3, 2)).rejects.toThrow('boom')
  await expect(openLoop(boom, 1000, 0.01)).rejects.toThrow('boom')
})

test.each([64, 1024, 4096])('a payload of %i bytes has that many bytes of JSON', (bytes) => {
  expect(Buffer.byteLength(JSON.stringify(payloadOf(bytes, 12_345)))).toBe(bytes)
  expect(payloadOf(bytes, 1)).not.toEqual(payloadOf(bytes, 2))
})

test('percentiles and median', () => {
  const samples = Array.from({ length: 100 }, (_, index) => 100 - index)
  expect(percentiles(samples)).toEqual({ p50: 51, p95: 96, p99: 100, max: 100 })
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 2, 3])).toBe(2.5)
})
