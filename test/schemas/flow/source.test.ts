import { describe, expect, test } from 'vitest'
import { MAX_DOCUMENT_BYTES, MAX_DOCUMENT_DEPTH, readSource } from '../../../schemas/flow/source.ts'

function problemOf(source: string | Uint8Array): object {
  const read = readSource(source)
  expect(read.ok).toBe(false)
  return read.ok ? {} : read.problems.list[0]!
}

describe('read', () => {
  test.each<[string, string, unknown]>([
    ['YAML', 'a: 1\nb: [x, {c: true}]\n', { a: 1, b: ['x', { c: true }] }],
    ['JSON', ' {"a": 1, "b": ["x\\n", {"c": null}], "d": 1e3}', { a: 1, b: ['x\n', { c: null }], d: 1000 }],
    ['a byte order mark', '\ufeffa: 1', { a: 1 }],
    ['Windows line ends', 'a: 1\r\nb: [1,\r\n  2]\r\n', { a: 1, b: [1, 2] }],
    ['dates as text', 'a: 2026-01-01', { a: '2026-01-01' }],
    ['aliases', 'a: &x [1]\nb: *x', { a: [1], b: [1] }],
    ['a merge key as a plain name', 'a: &x {b: 1}\nc: {<<: *x}', { a: { b: 1 }, c: { '<<': { b: 1 } } }],
    ['names like those of built-in members', 'constructor: 1\ntoString: 2', { constructor: 1, toString: 2 }],
    ['surrogate pairs as escapes', '{"a": "\\ud83d\\ude00"}', { a: '😀' }],
    ['nothing', '', null],
  ])('%s', (_, text, value) => {
    const read = readSource(Buffer.from(text))
    expect(read).toMatchObject({ ok: true, value })
  })

  test.each([
    ['JSON', (n: number) => '['.repeat(n) + ']'.repeat(n)],
    ['YAML', (n: number) => `${'- '.repeat(n)}x`],
    ['YAML by indentation', (n: number) => Array.from({ length: n }, (_, i) => `${' '.repeat(i)}a:\n`).join('')],
  ])('%s as deep as is allowed', (_, nested) => {
    expect(readSource(nested(MAX_DOCUMENT_DEPTH)).ok).toBe(true)
    expect(readSource(nested(MAX_DOCUMENT_DEPTH + 3)).ok).toBe(false)
  })
})

const nines = (name: string): string => `[${Array(9).fill(name).join()}]`
const laughs = [
  'a: &a [x]',
  ...'bcdefghij'.split('').map((name, i) => `${name}: &${name} ${nines(`*${'abcdefghij'[i]}`)}`),
].join('\n')

describe('refused', () => {
  test.each<[string, string | Uint8Array, object]>([
    [
      'malformed JSON',
      '{"a": 1,\n "b": x}',
      { code: 'INVALID_JSON', line: 2, column: 7, message: /found 'x', expected a value/ },
    ],
    [
      'JSON cut short',
      '{"a": [1',
      { code: 'INVALID_JSON', line: 1, column: 9, message: /found the end, expected ',' or '\]'/ },
    ],
    ['JSON and then something', '{} x', { code: 'INVALID_JSON', line: 1, column: 4, message: /expected the end/ }],
    ['malformed YAML', 'a: [1\nb: 2', { code: 'INVALID_YAML', line: 2, message: /not YAML/ }],
    ['a tab as indentation', 'a:\n\tb: 1', { code: 'INVALID_YAML', line: 2 }],
    ['an unknown tag', 'a: !foo x', { code: 'INVALID_YAML', line: 1, column: 4, message: /!foo/ }],
    ['an unknown alias', 'a: *x', { code: 'INVALID_YAML', line: 1 }],
    ['two documents', 'a: 1\n---\nb: 1', { code: 'INVALID_YAML', line: 2, message: /second document/ }],
    ['a name twice in YAML', 'a: 1\nb: {c: 1, c: 2}', { code: 'DUPLICATE_KEY', path: 'b.c', line: 2, column: 11 }],
    ['a name twice in JSON', '{"a": 1,\n"a": 2}', { code: 'DUPLICATE_KEY', path: 'a', line: 2, column: 1 }],
    [
      '__proto__ in YAML',
      'with:\n  __proto__: {a: 1}',
      { code: 'UNKNOWN_FIELD', path: 'with.__proto__', line: 2, column: 3 },
    ],
    ['__proto__ in JSON', '{"a": {"__proto__": 1}}', { code: 'UNKNOWN_FIELD', path: 'a.__proto__' }],
    [
      'half a surrogate pair in JSON',
      '{"a": ["\\ud800"]}',
      { code: 'LONE_SURROGATE', path: 'a[0]', line: 1, column: 8 },
    ],
    ['half a surrogate pair in YAML', 'a: "\\udc00"', { code: 'LONE_SURROGATE', path: 'a' }],
    ['half a surrogate pair in a name', '{"\\ud800": 1}', { code: 'LONE_SURROGATE' }],
    ['invalid UTF-8', Buffer.from([0x61, 0x3a, 0x20, 0xc3, 0x28]), { code: 'INVALID_UTF8', message: /at byte 3/ }],
    ['infinity', 'a: .inf', { code: 'INVALID_FIELD', path: 'a', message: /finite/ }],
    [
      'more than 1 MiB',
      `a: ${'x'.repeat(MAX_DOCUMENT_BYTES)}`,
      { code: 'TOO_LARGE', message: /1048579 bytes; expected at most 1048576/ },
    ],
    ['JSON 10,000 deep', '{"a":'.repeat(10_000), { code: 'TOO_DEEP', line: 1, column: 501 }],
    ['YAML lists 10,000 deep', '['.repeat(10_000), { code: 'TOO_DEEP' }],
    ['YAML flow lists 10,000 deep', `a: ${'['.repeat(10_000)}`, { code: 'TOO_DEEP' }],
    ['YAML block lists 500,000 deep', '- '.repeat(500_000), { code: 'TOO_DEEP' }],
    ['YAML keys 10,000 deep', '? '.repeat(10_000), { code: 'TOO_DEEP' }],
    ['a list that holds itself', 'a: &a [*a]', { code: 'TOO_DEEP' }],
    ['aliases of aliases', laughs, { code: 'INVALID_YAML', message: /Excessive alias count/ }],
  ])('%s', (_, source, { message, ...expected }: { message?: RegExp }) => {
    expect(problemOf(source)).toMatchObject({ ...expected, message: expect.stringMatching(message ?? /./) })
  })
})
