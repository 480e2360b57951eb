import { describe, expect, it } from 'vitest'
import { encodeWithHeader } from '../../../schemas/codec/slab.ts'
import { defineValue, string } from '../../../schemas/define.ts'
import { fc } from '../../support/fast-check.ts'

const type = defineValue('Sample', { text: string })

describe('values in slabs', () => {
  it('stay as they were, whatever comes after them', () => {
    const length = fc.oneof(fc.nat(100), fc.integer({ min: 16_000, max: 17_000 }), fc.integer({ max: 300_000, min: 0 }))
    fc.assert(
      fc.property(fc.array(fc.tuple(length, fc.constantFrom(1, 5)), { minLength: 1, maxLength: 40 }), (values) => {
        const encoded = values.map(([size, header], index) => {
          const bytes = encodeWithHeader(type, { text: String.fromCharCode(97 + (index % 26)).repeat(size) }, header)
          bytes.fill(index, 0, header)
          return bytes
        })
        values.forEach(([size, header], index) => {
          const bytes = encoded[index]!
          expect(bytes.subarray(0, header)).toEqual(Buffer.alloc(header, index))
          const { text } = type.fromBuffer(bytes.subarray(header)) as { readonly text: string }
          expect(text === String.fromCharCode(97 + (index % 26)).repeat(size)).toBe(true)
        })
      }),
      { numRuns: 30 },
    )
  })
})
