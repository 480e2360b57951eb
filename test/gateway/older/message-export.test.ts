import { describe, expect, it } from 'vitest'
import { cell } from '../../../gateway/older/message-export.ts'
import { fc } from '../../support/fast-check.ts'

/** As spreadsheets read a cell. */
function read(text: string): string {
  expect(text).toMatch(/^"([^"]|"")*"$/)
  return text.slice(1, -1).replaceAll('""', '"')
}

describe('cell', () => {
  it('keeps any text, and never begins with what a spreadsheet evaluates', () => {
    const starts = fc.constantFrom('=', '+', '-', '@', '\t', '\r', '\n', ' ', '"', '\uff1d', '\u0000', '|', '%', '')
    const texts = fc.tuple(fc.array(starts, { maxLength: 4 }), fc.string({ unit: 'binary' }))
    fc.assert(
      fc.property(texts, ([begin, rest]) => {
        const text = begin.join('') + rest
        const shown = read(cell(text))
        expect([text, `'${text}`]).toContain(shown)
        expect(shown).not.toMatch(/^[\s\p{Cc}]*[=+\-@\uff1d\uff0b\uff0d\uff20]/u)
        expect(shown).not.toMatch(/^[\t\r\n]/)
      }),
    )
  })

  it.each([
    ['plain', '"plain"'],
    ['', '""'],
    ['a,b\r\n"c"', '"a,b\r\n""c"""'],
    ['=HYPERLINK("http://x","y")', '"\'=HYPERLINK(""http://x"",""y"")"'],
    ["'=1", '"\'=1"'],
    ['12', '"12"'],
    ['-12', '"\'-12"'],
  ])('%j is %s', (text, expected) => {
    expect(cell(text)).toBe(expected)
  })
})
