import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it, test } from 'vitest'
import { SchemaJudge } from '../../../schemas/flow/judge-shape.ts'
import { formatPath } from '../../../schemas/flow/problems.ts'
import { shapeOf } from '../../../schemas/flow/template-shape.ts'
import type { Json } from '../../../schemas/json.ts'
import { fc } from '../../support/fast-check.ts'

const judged = (schema: object, value: Json) => new SchemaJudge(schema).judge(shapeOf(value))

const NAMES = ['a', 'b', 'c']
const scalar: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(null, true, false, 'x', 'xy', '', 'c', 'y$', 0, 1, 2, -1, 1.5),
  fc.integer({ min: -3, max: 12 }),
)
const value = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...NAMES), tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value

const types = fc.constantFrom('string', 'number', 'integer', 'boolean', 'object', 'array', 'null')
const schema = fc.letrec<{ schema: object | boolean }>((tie) => {
  const some = fc.array(tie('schema'), { minLength: 1, maxLength: 3 })
  const keywords: { readonly [keyword: string]: fc.Arbitrary<unknown> } = {
    type: fc.oneof(types, fc.uniqueArray(types, { minLength: 1, maxLength: 3 })),
    enum: fc.uniqueArray(value, { minLength: 1, maxLength: 3, selector: (one) => JSON.stringify(one) }),
    const: value,
    minimum: fc.integer({ min: -1, max: 3 }),
    exclusiveMaximum: fc.integer({ min: -1, max: 3 }),
    multipleOf: fc.constantFrom(2, 0.5),
    minLength: fc.integer({ min: 0, max: 2 }),
    maxLength: fc.integer({ min: 0, max: 2 }),
    pattern: fc.constantFrom('^x', 'y$'),
    minItems: fc.integer({ min: 0, max: 2 }),
    maxItems: fc.integer({ min: 0, max: 2 }),
    uniqueItems: fc.boolean(),
    minProperties: fc.integer({ min: 0, max: 2 }),
    maxProperties: fc.integer({ min: 0, max: 2 }),
    required: fc.uniqueArray(fc.constantFrom(...NAMES), { maxLength: 2 }),
    dependentRequired: fc.constantFrom({ a: ['b'] }, { b: ['a', 'c'] }),
    properties: fc.dictionary(fc.constantFrom(...NAMES), tie('schema'), { maxKeys: 2, noNullPrototype: true }),
    patternProperties: fc.dictionary(fc.constantFrom('^a', '[bc]'), tie('schema'), {
      maxKeys: 1,
      noNullPrototype: true,
    }),
    additionalProperties: tie('schema'),
    propertyNames: fc.constantFrom({ enum: ['a', 'b'] }, { maxLength: 1 }, { pattern: '^[ab]' }),
    dependentSchemas: fc.dictionary(fc.constantFrom(...NAMES), tie('schema'), { maxKeys: 1, noNullPrototype: true }),
    items: tie('schema'),
    prefixItems: some,
    allOf: some,
    anyOf: some,
    oneOf: some,
    not: tie('schema'),
    $ref: fc.constantFrom('#/$defs/one', '#/$defs/two'),
    if: tie('schema'),
    else: tie('schema'),
    // as a literal it would look like a promise
    ...Object.fromEntries([['then', tie('schema')]]),
  }
  return {
    schema: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.boolean(),
      fc
        .array(fc.constantFrom(...Object.keys(keywords)), { minLength: 1, maxLength: 3 })
        .chain((names) => fc.record(Object.fromEntries(names.map((name) => [name, keywords[name]!])))),
    ),
  }
}).schema

const DEFS = { one: { type: ['string', 'object'], properties: { a: { type: 'integer' } } }, two: { minimum: 1 } }
const root = schema.map((one): object => (typeof one === 'boolean' ? { allOf: [one] } : { ...one, $defs: DEFS }))

const ajv = new Ajv2020({ strict: false, logger: false, addUsedSchema: false })
const accepts = (of: object, one: Json): boolean => ajv.compile(of)(one) as boolean

/** With holes where `holes` says so; texts also become texts with a piece to be filled in. */
function withHoles(one: Json, holes: Iterator<number>): Json {
  const kind = holes.next().value ?? 0
  if (kind === 1) return '${input.x}'
  if (kind === 2 && typeof one === 'string') return `${one}\${input.x}`
  if (Array.isArray(one)) return one.map((item) => withHoles(item, holes))
  if (typeof one !== 'object' || one === null) return one
  return Object.fromEntries(Object.entries(one).map(([name, member]) => [name, withHoles(member, holes)]))
}

describe('the judge', () => {
  it('agrees with Ajv on values that are known in full', () => {
    fc.assert(
      fc.property(root, value, (of, one) => {
        const { verdict, misfits } = judged(of, one)
        expect(verdict).toBe(accepts(of, one) ? 'yes' : 'no')
        expect(misfits.length > 0).toBe(verdict === 'no')
      }),
      { numRuns: 1_000 },
    )
  })

  it('is sure only of what holds whatever is filled in', () => {
    const kinds = fc.array(fc.constantFrom(0, 0, 1, 2), { maxLength: 12 })
    const seen = { yes: 0, no: 0, maybe: 0 }
    fc.assert(
      fc.property(root, value, kinds, (of, one, holes) => {
        const { verdict } = judged(of, withHoles(one, holes.values()))
        seen[verdict]++
        // the value itself is one of those that may be filled in
        if (verdict !== 'maybe') expect(verdict).toBe(accepts(of, one) ? 'yes' : 'no')
      }),
      { numRuns: 1_000 },
    )
    expect(Math.min(seen.yes, seen.no, seen.maybe)).toBeGreaterThan(50)
  })

  it.each<[string, object, Json]>([
    ['of values that are not known', { minimum: 3 }, '${input}'],
    ['of texts that are not known', { type: 'string', maxLength: 1, enum: ['a'], pattern: '^a' }, 'long ${input}'],
    ['of what it does not know', { unevaluatedProperties: false }, { a: 1 }],
    ['where a reference leads elsewhere', { $ref: 'https://example.org/schema' }, 1],
    ['where references go round', { $defs: { a: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' }, 1],
  ])('says nothing %s', (_, of, one) => {
    expect(judged(of, one)).toEqual({ verdict: 'maybe', misfits: [] })
  })

  it('tells some of very many unknown fields', () => {
    const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`f${index}`, index]))
    const { verdict, misfits } = judged({ properties: { field: {} }, additionalProperties: false }, many)
    expect([verdict, misfits.length]).toEqual(['no', 20])
  })

  it('ends with alternatives in alternatives', () => {
    const of = { anyOf: [1, 2, 3].map((minItems) => ({ type: 'array', minItems, items: { $ref: '#' } })) }
    let deep: Json = [1, 2, 3]
    for (let depth = 0; depth < 40; depth++) deep = [deep, 1, 2]
    expect(judged(of, deep).verdict).toBe('maybe')
  })
})

const text = (of: object, one: Json): readonly string[] =>
  judged(of, one).misfits.map(({ path, message }) => `${formatPath(path)}: ${message}`)

describe('what it says', () => {
  const shapes = { anyOf: [circle('circle', ['r']), circle('square', ['side', 'unit'])] }
  function circle(kind: string, required: readonly string[]): object {
    return { type: 'object', properties: { kind: { const: kind }, r: { type: 'number' } }, required }
  }

  test.each<[string, object, Json, readonly string[]]>([
    [
      'alternatives by type',
      { anyOf: [{ type: 'string' }, { type: 'array' }] },
      1,
      [': found 1; expected a text or a list'],
    ],
    [
      'the alternative that was meant',
      { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'integer' } }] },
      [1, 'x'],
      ["[1]: found 'x'; expected a whole number"],
    ],
    ['the alternative that a field names', shapes, { kind: 'square', side: 1 }, [": 'unit' is missing"]],
    [
      'several that may be meant',
      shapes,
      { r: 'x' },
      [': found an object; expected an object with r or an object with side, unit'],
    ],
    [
      'one of several fields',
      { type: 'object', anyOf: [{ required: ['a'] }, { required: ['b'] }] },
      {},
      [": 'a' or 'b' is missing"],
    ],
    [
      'a field that is misspelt, once',
      { type: 'object', properties: { url: {} }, required: ['url'], additionalProperties: false },
      { urll: 1 },
      ["urll: unknown field 'urll'; did you mean 'url'?"],
    ],
    [
      'a field like no other',
      { type: 'object', properties: { url: {}, as: {} }, additionalProperties: false },
      { zzz: 1 },
      ["zzz: unknown field 'zzz'; expected one of url, as"],
    ],
    ['a choice', { enum: ['auto', 'json', 3] }, 'jsn', [": found 'jsn'; expected auto, json, 3; did you mean 'json'?"]],
    ['numbers', { type: 'integer', minimum: 1, maximum: 9 }, 10, [': found 10; expected a whole number from 1 to 9']],
    ['lengths', { type: 'string', minLength: 1 }, '', [": found ''; expected a text of at least 1 character"]],
    [
      'sizes',
      { type: ['array', 'string'], maxItems: 1 },
      [1, 2],
      [': found a list of 2; expected a list of at most 1 items or a text'],
    ],
    [
      'both at once',
      { oneOf: [{ minimum: 1 }, { maximum: 5 }] },
      3,
      [': found 3, which is of 2 forms at once; expected one'],
    ],
    [
      'a text with pieces to be filled in where none is wanted',
      { type: 'boolean' },
      'a ${input.x}',
      [
        ": found a text, 'a ${input.x}'; expected true or false; only a value that is nothing but one ${...} keeps its type",
      ],
    ],
  ])('%s', (_, of, one, expected) => {
    expect(text(of, one)).toEqual(expected)
  })
})
