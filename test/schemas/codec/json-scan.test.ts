import { describe, expect, test } from 'vitest'
import { jsonSyntaxError, tooDeepAt } from '../../../schemas/codec/json-scan.ts'
import { fc } from '../../support/fast-check.ts'

const parses = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe('jsonSyntaxError', () => {
  test('finds an error exactly where JSON.parse does', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"a"',
      '"',
      '\\',
      '1',
      '-',
      '.5',
      'e3',
      'true',
      'nul',
      ' ',
      '\n',
      '\t',
      '\\u00e9',
      '0',
    )
    const text = fc.oneof(
      fc.array(piece, { maxLength: 12 }).map((parts) => parts.join('')),
      fc.tuple(fc.json(), fc.nat(), piece).map(([json, at, extra]) => {
        const place = at % (json.length + 1)
        return json.slice(0, place) + extra + json.slice(place)
      }),
    )
    fc.assert(
      fc.property(text, (source) => {
        expect(jsonSyntaxError(source) === null).toBe(parses(source))
      }),
      { numRuns: 5_000 },
    )
  })

  test.each([
    ['', { line: 1, column: 1, found: 'the end', expected: 'a value' }],
    ['{"a": 1,}', { offset: 8, found: "'}'", expected: 'a key' }],
    ['{"a" 1}', { offset: 5, expected: "':'" }],
    ['[1 2]', { offset: 3, expected: "',' or ']'" }],
    ['{a: 1}', { offset: 1, found: "'a'", expected: "a key or '}'" }],
    ['[\n\n  01]', { line: 3, column: 4 }],
    ['"a\nb"', { offset: 2, expected: 'the rest of the string' }],
    ['"\\x"', { offset: 2 }],
    ['undefined', { offset: 0, found: "'u'", expected: 'a value' }],
  ])('%j', (text, expected) => {
    expect(jsonSyntaxError(text)).toMatchObject(expected)
  })
})

describe('tooDeepAt', () => {
  test.each([
    ['[[1]]', 2, -1],
    ['[[1]]', 1, 1],
    ['{"a":{"b":[]}}', 2, 10],
    ['["[[[[", "\\"[[["]', 1, -1],
    ['[[],[],[]]', 2, -1],
  ])('%s with limit %i: %i', (text, limit, offset) => {
    expect(tooDeepAt(Buffer.from(text), limit)).toBe(offset)
  })
})
