import { describe, expect, it } from 'vitest'
import { type Json, toJsonText, toJsonTextUnescaped } from '../../schemas/json.ts'
import { fc } from '../support/fast-check.ts'

const long = fc.constantFrom(
  'y'.repeat(4_096),
  'ü'.repeat(5_000),
  '\ud83d\ude00'.repeat(3_000),
  `\u2028${'z'.repeat(4_100)}`,
)
const string = fc.oneof(long, fc.string({ unit: 'grapheme' })).map((text) => text.replaceAll(/["\\\p{Cc}]/gu, ''))
const member = fc.oneof(
  string,
  fc.double({ noDefaultInfinity: true, noNaN: true }),
  fc.constant(null),
  fc.array(string),
)
const value = fc.oneof(member, fc.dictionary(string, member, { maxKeys: 40 }), fc.array(member))

describe('JSON text of what was parsed from text without escapes', () => {
  it('is that of any other value', () => {
    fc.assert(
      fc.property(value, (made) => {
        const text = toJsonText(made)
        fc.pre(!text.includes('\\'))
        const parsed = JSON.parse(text) as Json
        expect(toJsonTextUnescaped(parsed) === toJsonText(parsed)).toBe(true)
      }),
    )
  })
})
