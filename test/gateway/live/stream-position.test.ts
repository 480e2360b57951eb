import { describe, expect, it } from 'vitest'
import { atOrBeyond, distance, logMark, parsePositionId, positionId } from '../../../gateway/live/stream-position.ts'
import { fc } from '../../support/fast-check.ts'

const positions = fc.array(fc.nat({ max: 999_999_999_999_999 }), { minLength: 1, maxLength: 70 })

describe('the id of a stream position', () => {
  it('says the log and every offset', () => {
    fc.assert(
      fc.property(fc.string(), positions, (logId, position) => {
        const mark = logMark(logId)
        expect(parsePositionId(positionId(mark, position))).toEqual({ mark, position })
      }),
    )
  })

  it.each(['', '12', 'a.', 'a.1.', 'a..1', 'a.-1', 'a.1e3', 'A.1', 'a.1.x', 'a.1\n', 'a.1234567890123456', ' a.1'])(
    'is not %j',
    (text) => {
      expect(parsePositionId(text)).toBeNull()
    },
  )

  it.each([
    [[1, 2], [1, 2], true, 0],
    [[1, 2], [2, 1], false, 1],
    [[5, 5], [1, 2], true, 0],
    [[0, 0], [7, 5], false, 12],
  ])('%j against %j', (a, b, beyond, apart) => {
    expect(atOrBeyond(a, b)).toBe(beyond)
    expect(distance(a, b)).toBe(apart)
  })
})
