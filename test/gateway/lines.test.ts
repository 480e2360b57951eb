import { describe, expect, it } from 'vitest'
import { linesOf } from '../../gateway/lines.ts'
import { fc } from '../support/fast-check.ts'

describe('linesOf', () => {
  it('knows of each line of a body of ASCII what it says, and of no line of any other', () => {
    const line = fc.string({
      unit: fc.oneof(fc.constantFrom('a', '"', '\\', '\r', '\u0000', '\u007f'), fc.constant('é')),
    })
    fc.assert(
      fc.property(fc.array(line, { minLength: 1 }), (texts) => {
        const body = Buffer.from(['x', ...texts].join('\n'))
        const isAscii = !texts.some((text) => text.includes('é'))
        for (const { bytes, text } of linesOf(body, 1_000)) {
          expect(text).toBe(isAscii ? Buffer.from(bytes).toString('utf8') : null)
        }
      }),
    )
  })

  it('passes over blank lines and counts them', () => {
    const lines = linesOf(Buffer.from('\n \t\r\n{}\n\n[]'), 10)
    expect(lines.map(({ number, text }) => [number, text])).toEqual([
      [3, '{}'],
      [5, '[]'],
    ])
  })
})
