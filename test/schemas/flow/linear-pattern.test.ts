import { describe, expect, test } from 'vitest'
import { linearPattern, UnsafePattern } from '../../../schemas/flow/linear-pattern.ts'
import { fc } from '../../support/fast-check.ts'

const CHARACTERS = [
  'a',
  'b',
  'Z',
  '_',
  '0',
  '-',
  '!',
  ' ',
  '\n',
  '\r',
  '\u00a0',
  '\u2028',
  '\ufeff',
  'é',
  'ſ',
  'К',
  '٣',
  '😀',
  '\ud83d',
  '\0',
]

describe('means what ECMAScript says', () => {
  const texts = ['', 'ab', 'aab!', 'a-b', 'a b', 'a\n', '12', 'é1', 'a'.repeat(31), ...CHARACTERS]

  test.each([
    '^\\s$',
    '^\\S+$',
    '.',
    '^.$',
    '\\w\\W',
    '^\\d+$',
    '\\D',
    '\\bb',
    '\\Bb',
    '^[\\s\\d]$',
    '^[^\\S]$',
    '[]',
    '[^]',
    '^[^]$',
    '\\p{L}',
    '^\\P{Lu}$',
    '^\\p{Script=Cyrillic}$',
    '\\p{Letter}',
    '[\\p{Nd}a]',
    '^\\p{Surrogate}$',
    '\\p{Emoji_Presentation}',
    '^\\u{1F600}$',
    '^\\ud83d\\ude00$',
    '\\ud83d',
    '^[\\ud83d\\ude00]$',
    '\\x61',
    '\\cJ',
    '\\0',
    '[\\b]',
    '[\\-]',
    '^a{2}b',
    '^a{2,}',
    '^(?:a?){3}$',
    '^a*?b',
    '(a|b|)+$',
    '^(?<first>a)(b)$',
    '^$',
    '',
    '(?:)*',
    'a{0}b',
    '^a{1,30}$',
    'a|^$',
    '\\/|\\.|\\$',
  ])('%s', (pattern) => {
    const expected = new RegExp(pattern, 'u')
    const linear = linearPattern(pattern)
    for (const text of texts) expect([text, linear.test(text)]).toEqual([text, expected.test(text)])
  })

  test('whatever a pattern is made of', () => {
    const atoms = fc.constantFrom('a', 'b', '.', '\\s', '\\w', '[^a]', '[a-z\\d]', '\\p{L}', '^', '$', '\\b', '\\S')
    const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
      pattern: fc.oneof(
        { depthSize: 'small' },
        atoms,
        fc.tuple(tie('pattern'), tie('pattern')).map((parts) => parts.join('')),
        fc.tuple(tie('pattern'), tie('pattern')).map((parts) => `(${parts.join('|')})`),
        fc
          .tuple(tie('pattern'), fc.constantFrom('*', '+', '?', '{2}', '{1,3}', '*?'))
          .map(([p, times]) => `(${p})${times}`),
      ),
    }))
    const text = fc.array(fc.constantFrom(...CHARACTERS), { maxLength: 8 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(pattern, text, (source, value) => {
        fc.pre(source.length < 60)
        expect(linearPattern(source).test(value)).toBe(new RegExp(source, 'u').test(value))
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('takes no longer than reading', () => {
  const long = `${'a'.repeat(1 << 20)}!`
  test.each([
    '^(a+)+$',
    '^(a|a)*$',
    '^(a*)*$',
    '^([a-z]+\\d?)+$',
    'a+$',
    '(x+x+)+y',
    '^(a?){30}a{30}$',
    '^.*a.*a.*a.*b$',
  ])('%s', { timeout: 60_000 }, (pattern) => expect(linearPattern(pattern).test(long)).toBe(false))
})

test.each<[string, RegExp]>([
  ['^(?=.*a)b', /'\(\?=\.\*a\)' at character 2; expected none with looking ahead or behind.*'allOf'/],
  ['(?!a)', /looking ahead or behind/],
  ['(?<=a)b', /looking ahead or behind/],
  ['x((?<!a)b)*', /'\(\?<!a\)' at character 3/],
  ['(a+)\\1', /'\\1' at character 5; expected none with references to groups/],
  ['(?<n>a)\\k<n>', /references to groups/],
  ['(?i:a)', /'\(\?i:a\)' at character 1; expected none with modifiers/],
  ['^.{1,2000}$', /has 2003 characters; expected at most 1000: bound lengths with 'maxLength'/],
  ['((a{50}){50}){50}', /expected at most 1000/],
])('%s is refused', (pattern, message) => {
  expect(() => linearPattern(pattern)).toThrow(UnsafePattern)
  expect(() => linearPattern(pattern)).toThrow(message)
})

test.each(['(', 'a**', '\\-', '[b-a]', '\\p{Nothing}'])('%s is no pattern', (pattern) => {
  expect(() => linearPattern(pattern)).toThrow(SyntaxError)
})
