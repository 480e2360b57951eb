import { describe, expect, test } from 'vitest'
import { checkFlow } from '../../../schemas/flow/compile.ts'
import { inputChecker } from '../../../schemas/flow/input-schema.ts'
import type { Json } from '../../../schemas/json.ts'
import { A, compiled, flow } from './flows.ts'

describe('the input of a run', () => {
  const { checkInput } = compiled(
    flow(
      A,
      'input: {type: object, required: [order], properties: {order: {type: object, additionalProperties: false, properties: {at: {format: date-time}, kind: {enum: [x, y]}, lines: {type: array, items: {properties: {"a/b": {type: integer}}}}}}}}',
    ),
  )

  test.each<[unknown, string, RegExp]>([
    [{}, 'input', /required property 'order'$/],
    [5, 'input', /must be object; found 5/],
    [{ order: { x: 1 } }, 'input.order', /additional properties: 'x'; found an object/],
    [{ order: { kind: 'z' } }, 'input.order.kind', /allowed values: \["x","y"\]; found 'z'/],
    [{ order: { at: 'today' } }, 'input.order.at', /must match format "date-time"; found 'today'/],
    [{ order: { lines: [{}, { 'a/b': 'q' }] } }, 'input.order.lines[1]["a/b"]', /must be integer; found 'q'/],
  ])('%j does not match at %s', (input, path, message) => {
    expect(checkInput(input as never)).toEqual([{ path, message: expect.stringMatching(message) }])
  })

  test('matches', () => {
    expect(checkInput({ order: { kind: 'x', lines: [{ 'a/b': 1 }], at: '2026-01-01T00:00:00Z' } })).toEqual([])
    expect(compiled(flow(A)).checkInput('anything')).toEqual([])
  })
})

test('a schema that is none is reported once for a place', () => {
  const checked = checkFlow(flow(A, 'input: {type: objct}'))
  const problems = checked.ok ? [] : checked.problems.map(({ code, path }) => `${code} ${path}`)
  expect(problems).toEqual(['INVALID_SCHEMA input.type'])
})

describe('uniqueItems', () => {
  const check = inputChecker({ type: 'array', uniqueItems: true })

  test.each<[Json, boolean]>([
    [[], true],
    [[1, '1', true, null, [], {}, [1], { a: 1 }], true],
    [
      [
        { a: 1, b: [2] },
        { b: [2], a: 1 },
      ],
      false,
    ],
    [[0, 1, 0], false],
    [['x', 'x'], false],
  ])('%j: %s', (items, unique) => {
    expect(check(items).length).toBe(unique ? 0 : 1)
  })

  test('says which items are alike', () => {
    expect(check([1, { a: 1 }, 2, { a: 1 }])[0]).toEqual({
      path: 'input',
      message: 'must NOT have duplicate items (items ## 1 and 3 are identical); found a list of 4',
    })
  })

  test('takes no longer than reading for a list that fills an input', { timeout: 60_000 }, () => {
    expect(check(Array.from({ length: 150_000 }, (_, n) => ({ n })))).toEqual([])
  })
})

describe('patterns', () => {
  const problemsOf = (schema: object) => {
    const checked = checkFlow(
      JSON.stringify({ flow: 'x', input: schema, steps: [{ id: 'a', type: 'echo', with: {} }] }),
    )
    return checked.ok ? [] : checked.problems.map(({ code, path }) => `${code} ${path}`)
  }
  const unsafe = { pattern: '(a+)\\1' }

  test.each<[object, string]>([
    [unsafe, 'input.pattern'],
    [{ properties: { a: { items: { anyOf: [{}, unsafe] } } } }, 'input.properties.a.items.anyOf[1].pattern'],
    [{ $defs: { d: unsafe }, $ref: '#/$defs/d' }, 'input["$defs"].d.pattern'],
    [{ patternProperties: { '^(?=a)': true } }, 'input.patternProperties["^(?=a)"]'],
    [{ patternProperties: { '^a': unsafe } }, 'input.patternProperties["^a"].pattern'],
    [{ properties: { pattern: unsafe, default: unsafe } }, 'input.properties.pattern.pattern'],
    [{ not: unsafe }, 'input.not.pattern'],
    [{ $ref: '#/elsewhere/x', elsewhere: { x: unsafe } }, 'input.elsewhere.x.pattern'],
  ])('%j is refused', (schema, path) => {
    expect(problemsOf(schema)[0]).toBe(`PATTERN_UNSAFE ${path}`)
  })

  test.each([
    { properties: { pattern: { type: 'string' } } },
    { default: unsafe, const: unsafe, examples: [unsafe], enum: [unsafe] },
    { pattern: '^(a+)+$' },
  ])('%j is taken', (schema) => expect(problemsOf(schema)).toEqual([]))

  test('what is no pattern is no JSON Schema', () => {
    expect(problemsOf({ pattern: '(' })).toEqual(['INVALID_SCHEMA input.pattern'])
  })

  const long = `${'a'.repeat(1_000_000)}!`

  test('match in the time it takes to read an input', { timeout: 60_000 }, () => {
    const check = inputChecker({ pattern: '^(a+)+$', patternProperties: { '^(x|x)+$': { type: 'integer' } } })
    expect(check('aaa')).toEqual([])
    expect(check({ [`${'x'.repeat(100_000)}y`]: 'any', y: 0 })).toEqual([])
    expect(check({ xx: 'none' })).toMatchObject([{ path: 'input.xx' }])
    expect(check(long)).toEqual([{ path: 'input', message: expect.stringMatching(/^must match pattern/) }])
  })

  test.each([{ pattern: '[ab]*a[ab]{900}$' }, { not: { pattern: '[ab]*a[ab]{900}$' } }])(
    'texts too long for %j are refused, and the next input is checked afresh',
    (schema) => {
      const check = inputChecker(schema)
      expect(check(long)).toEqual([
        { path: 'input', message: expect.stringMatching(/too long.*expected at most 67108864/) },
      ])
      expect(check('b')).toHaveLength('not' in schema ? 0 : 1)
    },
  )
})
