import { describe, expect, it } from 'vitest'
import { isRetried, MAX_WAIT_MS, retryDelayMs } from '../../../processors/result/retry.ts'
import { drawnNumber } from '../../../processors/result/run-random.ts'
import type { RetryPolicy } from '../../../schemas/flow/model.ts'
import { fc } from '../../support/fast-check.ts'
import { attemptError } from './scenario.ts'

const policy: RetryPolicy = {
  attempts: 3,
  backoff: 'exponential',
  baseMs: 100,
  maxMs: 1000,
  jitter: 0,
  on: null,
  notOn: [],
}

describe('isRetried', () => {
  it.each([
    [{}, 1, { class: 'transient' }, true],
    [{}, 1, { class: 'recoverable' }, true],
    [{}, 1, { class: 'permanent' }, false],
    [{}, 2, { class: 'transient' }, true],
    [{}, 3, { class: 'transient' }, false],
    [{ on: ['BROKEN'] }, 1, { class: 'permanent' }, true],
    [{ on: ['permanent'] }, 1, { class: 'permanent' }, true],
    [{ on: ['OTHER'] }, 1, { class: 'transient' }, false],
    [{ notOn: ['BROKEN'] }, 1, { class: 'transient' }, false],
    [{ notOn: ['transient'] }, 1, { class: 'transient' }, false],
    [{ on: ['transient'], notOn: ['BROKEN'] }, 1, { class: 'transient' }, false],
    [{ on: ['terminal'] }, 1, { class: 'terminal' }, false],
  ] as const)('%o after attempt %i with %o: %s', (change, attempt, error, expected) => {
    expect(isRetried({ ...policy, ...change }, attempt, attemptError(error))).toBe(expected)
  })
})

describe('retryDelayMs', () => {
  it.each([
    [{}, 1, null, 0.5, 100],
    [{}, 2, null, 0.5, 200],
    [{}, 4, null, 0.5, 800],
    [{}, 5, null, 0.5, 1000],
    [{ backoff: 'fixed' }, 7, null, 0.5, 100],
    [{ backoff: 'linear' }, 3, null, 0.5, 300],
    [{ backoff: 'linear' }, 30, null, 0.5, 1000],
    [{ jitter: 0.2 }, 1, null, 0, 80],
    [{ jitter: 0.2 }, 1, null, 0.75, 110],
    [{}, 1, 5000, 0.5, 5000],
    [{}, 1, 50, 0.5, 100],
    [{}, 1, Number.MAX_SAFE_INTEGER, 0.5, MAX_WAIT_MS],
    [{ attempts: 100, maxMs: Number.MAX_SAFE_INTEGER }, 99, null, 0.5, MAX_WAIT_MS],
  ] as const)('%o attempt %i, retry after %s, drawn %d: %i ms', (change, attempt, retryAfterMs, drawn, expected) => {
    expect(retryDelayMs({ ...policy, ...change }, attempt, attemptError({ retryAfterMs }), drawn)).toBe(expected)
  })
})

describe('drawnNumber', () => {
  it('depends on seed and number alone, and lies in [0, 1)', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.nat(10_000), (seed, n) => {
        const drawn = drawnNumber(seed, n)
        expect(drawn).toBe(drawnNumber(seed, n))
        expect(drawn).toBeGreaterThanOrEqual(0)
        expect(drawn).toBeLessThan(1)
      }),
    )
  })

  it('spreads evenly over a sequence and over seeds', () => {
    const mean = (numbers: number[]) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length
    const along = Array.from({ length: 10_000 }, (_, n) => drawnNumber(42, n))
    const across = Array.from({ length: 10_000 }, (_, seed) => drawnNumber(seed, 0))
    expect(new Set(along).size).toBeGreaterThan(9_990)
    expect(mean(along)).toBeCloseTo(0.5, 1)
    expect(mean(across)).toBeCloseTo(0.5, 1)
  })
})
