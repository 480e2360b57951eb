import { describe, expect, it } from 'vitest'
import { isTrue } from '../../../processors/result/truth.ts'
import { parseInstant } from '../../../processors/result/wait-until.ts'

describe('parseInstant', () => {
  it.each([
    ['2030-01-31T12:00:00Z', Date.UTC(2030, 0, 31, 12)],
    ['2030-01-31T12:00:00.250+02:00', Date.UTC(2030, 0, 31, 10, 0, 0, 250)],
    ['2030-01-31', Date.UTC(2030, 0, 31)],
    [1_900_000_000_000, 1_900_000_000_000],
    [0.5, 1],
  ])('%s', (value, expected) => {
    expect(parseInstant(value, 'p')).toBe(expected)
  })

  it.each([
    'tomorrow',
    '2030-01-31T12:00:00',
    '2030-13-31T12:00:00Z',
    '',
    -1,
    Number.NaN,
    1e300,
    null,
    true,
    [],
    { at: 1 },
  ])('%s is refused', (value) => {
    expect(() => parseInstant(value, 'steps[1].until')).toThrow(
      expect.objectContaining({
        code: 'WAIT_UNTIL_INVALID',
        path: 'steps[1].until',
        message: expect.stringContaining('expected a time like 2030-01-31T12:00:00Z'),
      }),
    )
  })
})

describe('isTrue', () => {
  it.each([
    [null, false],
    [false, false],
    ['', false],
    [[], false],
    [{}, false],
    [0, true],
    [true, true],
    ['x', true],
    [[null], true],
    [{ a: null }, true],
  ])('%o is %s', (value, expected) => {
    expect(isTrue(value)).toBe(expected)
  })
})
