import { describe, expect, test } from 'vitest'
import { checkFlow } from '../../../schemas/flow/compile.ts'
import { escapeSecrets, resolveSecrets, secretNames, secretsIn } from '../../../schemas/flow/secret-text.ts'
import type { Json } from '../../../schemas/json.ts'
import { fc } from '../../support/fast-check.ts'

const values = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.array(fc.constantFrom('secret:', '//', '/', 'secret://', 'key', ' ', 'é')).map((parts) => parts.join('')),
    fc.constantFrom<Json>(null, 5, true),
    fc.array(tie('value')),
    fc.dictionary(fc.constantFrom('a', 'secret://key', '__proto__'), tie('value')),
  ),
})).value

test('data comes back as it was, and names nothing', () => {
  fc.assert(
    fc.property(values, (value) => {
      const escaped = escapeSecrets(value)
      expect([...secretNames(escaped)]).toEqual([])
      const back = resolveSecrets(escaped, () => {
        throw new Error('a secret was asked for')
      })
      expect(JSON.stringify(back)).toBe(JSON.stringify(value))
    }),
  )
})

test.each<[string, readonly string[]]>([
  ['secret://a', ['a']],
  ['Bearer secret://a-b.c_d, secret://E', ['a-b.c_d', 'E']],
  ['secret://a.', ['a']],
  ['secret:///a', []],
  ['secret://', []],
  ['secret://-a', []],
  ['SECRET://a', []],
])('%j names %j', (text, expected) => {
  expect(secretsIn(text)).toEqual(expected)
})

test('secrets take the place of their names', () => {
  const value = { a: ['x secret://key y', { b: 'secret:///key' }], n: 1 }
  expect(resolveSecrets(value, (name) => `<${name}>`)).toEqual({ a: ['x <key> y', { b: 'secret://key' }], n: 1 })
  expect(value.a[0]).toBe('x secret://key y')
})

describe('in a flow', () => {
  const flow = (step: object, rest: object = {}): string =>
    JSON.stringify({ flow: 'f', ...rest, steps: [{ id: 'a', type: 'http', ...step }] })
  test.each<[string, string, string | null]>([
    ['where it may be', flow({ with: { url: 'x', headers: { a: 'Bearer secret://key' } } }), null],
    ['that is listed', flow({ with: { url: 'secret://key' } }, { secrets: ['key'] }), null],
    ['that is listed in the older way', flow({ inputs: { url: 'secret://key' } }, { secrets_refs: ['key'] }), null],
    [
      'that is not listed',
      flow({ with: { url: 'secret://kay' } }, { secrets: ['key'] }),
      "UNKNOWN_SECRET the secret 'kay' is not in the flow's 'secrets'",
    ],
    ['beside an expression', flow({ with: { url: 'secret://key/${input.x}' } }), 'INVALID_FIELD'],
    ['made by an expression', flow({ with: { url: 'secret://${input.x}' } }), 'INVALID_FIELD'],
    [
      'of a block that takes none',
      flow({ type: 'echo', with: 'secret://key' }),
      "INVALID_FIELD found 'secret://key'; a step of type 'echo' takes no secrets",
    ],
    ['among constants', flow({ with: { url: 'x' } }, { vars: { a: ['secret://key'] } }), 'INVALID_FIELD'],
    ['with a name that is none', flow({ with: { url: 'x' } }, { secrets: ['a/b', 5] }), 'INVALID_FIELD'],
  ])('a secret %s', (_name, document, expected) => {
    const checked = checkFlow(document)
    const found = checked.ok ? null : checked.problems.map(({ code, message }) => `${code} ${message}`).join('\n')
    if (expected === null) expect(found).toBeNull()
    else expect(found).toContain(expected)
  })
})
