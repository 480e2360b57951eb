import { describe, expect, it } from 'vitest'
import { referenceOf, referTo, resolveIn } from '../../../connectors/log-kafka/references.ts'
import { fc } from '../../support/fast-check.ts'

const large = fc.uint8Array({ minLength: 60, maxLength: 400 })
const few = fc.uint8Array({ maxLength: 50 })

describe('references of the changelog to ingest', () => {
  it('give back the value, wherever it lies in the record', () => {
    const offset = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
    fc.assert(
      fc.property(few, large, few, offset, (before, value, after, at) => {
        const source = Buffer.concat([before, value.subarray(8), after])
        const stored = referTo(value, at, source)!
        expect(stored.length).toBeLessThan(40)
        const reference = referenceOf(stored)!
        expect(reference.offset).toBe(at)
        expect(Buffer.compare(resolveIn(reference, source), value)).toBe(0)
      }),
    )
  })

  it('are not made to a record that holds something else', () => {
    const value = Buffer.from(`8 bytes ${'a'.repeat(5_000)}b`)
    const others = [
      ['one letter differs', `${'a'.repeat(2_500)}c${'a'.repeat(2_499)}b`],
      ['it begins like the value over and over', `${'a'.repeat(9_000)}`],
      ['it is shorter', 'a'.repeat(4_000)],
      ['there is too much besides', `${'x'.repeat(5_000)}${'a'.repeat(5_000)}b`],
    ]
    for (const [what, other] of others) expect(referTo(value, 1, Buffer.from(other!)), what).toBeNull()
  })

  it.each([
    ['nothing', null],
    ['other bytes', Buffer.from(`begin ${'b'.repeat(5_000)} end`)],
    ['a part of it', Buffer.from(`begin ${'a'.repeat(4_999)}`)],
  ])('are refused when the record holds %s', (_what, found) => {
    const value = Buffer.from(`8 bytes ${'a'.repeat(5_000)}`)
    const reference = referenceOf(referTo(value, 7, Buffer.from(`begin ${'a'.repeat(5_000)} end`)))!
    const failure = { code: 'OFFSET_OUT_OF_RANGE', message: expect.stringContaining('record 7 of ingest') }
    expect(() => resolveIn(reference, found)).toThrow(expect.objectContaining(failure))
  })

  it('are told from rows, and from forms of later versions', () => {
    const stored = referTo(Buffer.alloc(100, 1), 7, Buffer.alloc(100, 1))!
    expect(referenceOf(stored)).not.toBeNull()
    expect(referenceOf(null)).toBeNull()
    expect(referenceOf(Buffer.alloc(100, 1))).toBeNull()
    expect(referenceOf(Buffer.from([255, 2, ...stored.subarray(2)]))).toBeNull()
    expect(referenceOf(stored.subarray(0, 10))).toBeNull()
  })
})
