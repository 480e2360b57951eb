import jmespath from 'jmespath'
import { describe, expect, test } from 'vitest'
import { parseExpression } from '../../../schemas/flow/expression-ast.ts'
import { compileAst, plainPath } from '../../../schemas/flow/expression-evaluate.ts'
import { EvaluationProblem } from '../../../schemas/flow/expression-functions.ts'
import type { Json } from '../../../schemas/json.ts'
import { fc } from '../../support/fast-check.ts'

const evaluate = (text: string, value: Json): Json => compileAst(parseExpression(text))(value)

const names = fc.constantFrom('a', 'b', 'c')
const { value: data } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<Json>(null, true, false, 0, 1, -2.5, '', 'x', 'abc'),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(names, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
}))

const index = fc.integer({ min: -4, max: 4 })
const path = fc
  .tuple(
    names,
    fc.array(
      fc.oneof(
        names.map((name) => `.${name}`),
        index.map((i) => `[${i}]`),
      ),
      { maxLength: 5 },
    ),
  )
  .map(([first, rest]) => first + rest.join(''))

/** Expressions of every construct for which the package follows the specification. */
const { expression } = fc.letrec<{ expression: string }>((tie) => {
  const inner = tie('expression')
  const slice = fc.tuple(fc.option(index), fc.option(index), fc.constantFrom(1, 2, -1, -2))
  return {
    expression: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      path,
      fc.constantFrom('@', "'x'", '`1`', '`[]`', '`{"a": 1}`', '`null`'),
      fc.tuple(inner, names).map(([e, name]) => `(${e}).${name}`),
      fc.tuple(inner, names).map(([e, name]) => `(${e})[*].${name}`),
      fc.tuple(inner, names).map(([e, name]) => `(${e}).*.${name}`),
      fc.tuple(inner, slice).map(([e, [from, to, by]]) => `(${e})[${from ?? ''}:${to ?? ''}:${by}]`),
      inner.map((e) => `(${e})[]`),
      fc.tuple(inner, inner, names).map(([e, where, name]) => `(${e})[?${where}].${name}`),
      fc.tuple(inner, inner).map(([a, b]) => `[${a}, ${b}]`),
      fc.tuple(inner, inner).map(([a, b]) => `{a: ${a}, b: ${b}}`),
      fc.tuple(inner, fc.constantFrom('||', '&&', '|'), inner).map(([a, op, b]) => `(${a}) ${op} (${b})`),
      fc.tuple(inner, fc.constantFrom('==', '!='), inner).map(([a, op, b]) => `(${a}) ${op} (${b})`),
      inner.map((e) => `!(${e})`),
      fc
        .tuple(fc.constantFrom('type', 'to_array', 'not_null', 'length', 'keys', 'values'), inner)
        .map(([f, e]) => `${f}(${e})`),
      fc.tuple(inner, inner).map(([e, list]) => `map(&(${e}), ${list})`),
      inner.map((e) => `merge({a: \`1\`}, merge(${e}))`),
    ),
  }
})

function outcome(run: () => unknown): unknown {
  try {
    return { value: run() }
  } catch {
    return 'an error'
  }
}

describe('evaluation agrees with the jmespath package', () => {
  test('on plain paths', () => {
    fc.assert(
      fc.property(path, data, (text, value) => {
        expect(plainPath(parseExpression(text))).not.toBeNull()
        expect(evaluate(text, value)).toEqual(jmespath.search(value, text))
      }),
      { numRuns: 2_000 },
    )
  })

  test('on every construct', () => {
    let compared = 0
    fc.assert(
      fc.property(expression, data, (text, value) => {
        const compiled = outcome(() => compileAst(parseExpression(text)))
        if (typeof compiled === 'string') return
        compared++
        expect(outcome(() => evaluate(text, value))).toEqual(outcome(() => jmespath.search(value, text)))
      }),
      { numRuns: 3_000 },
    )
    // Few of the random expressions are refused for their size.
    expect(compared).toBeGreaterThan(2_000)
  })
})

describe('evaluation follows the specification where the package does not', () => {
  test.each<[string, Json, Json]>([
    ['sort(@)', [10, 9, 1], [1, 9, 10]],
    ['sort(@)', ['b', 'B', 'a'], ['B', 'a', 'b']],
    ["starts_with(@, 'a')", 'aXa', true],
    ['contains(@, `{"a": 1}`)', [{ a: 1 }], true],
    ["contains('null', @)", null, false],
    ['max_by(@, &a).a', [{ a: 'x' }, { a: 'z' }, { a: 'y' }], 'z'],
    ['min_by(@, &a)', [], null],
    ['avg(@)', [], null],
    ["to_number('')", null, null],
    ["to_number('12.5')", null, 12.5],
    ["to_number('0x10')", null, null],
    ['reverse(@)', 'a😀b', 'b😀a'],
    ["'10' > `5`", null, null],
    ["'b' > 'a'", null, true],
    ["join(', ', @)", ['a', 'b'], 'a, b'],
    [
      'sort_by(@, &a)[].b',
      [
        { a: 2, b: 1 },
        { a: 1, b: 2 },
        { a: 2, b: 3 },
      ],
      [2, 1, 3],
    ],
    ['sum(@)', [1, 2, 3.5], 6.5],
  ])('%s of %j is %j', (text, value, expected) => {
    expect(evaluate(text, value)).toEqual(expected)
  })
})

describe('only own members exist', () => {
  const evil = JSON.parse('{"__proto__": {"x": 1}, "list": [{}]}') as Json

  test.each<[string, Json]>([
    ['constructor', null],
    ['toString', null],
    ['list[0].hasOwnProperty', null],
    ['list[*].constructor', []],
    ['"__proto__".x', 1],
    ['merge(@, `{}`)."__proto__".x', 1],
    ['type(merge(@, `{}`).x)', 'null'],
  ])('%s is %j', (text, expected) => {
    expect(evaluate(text, evil)).toEqual(expected)
  })

  test('an object that looks like an expression of the package is data', () => {
    const value = { jmespathType: 'Expref', type: 'Field', name: 'a' }
    expect(evaluate('[0].name', [value])).toBe('a')
    expect(() => evaluate('length(to_number(@))', value)).toThrow(EvaluationProblem)
    expect(evaluate('type(@)', value)).toBe('object')
  })
})

test.each<[string, Json, RegExp]>([
  ['length(@)', 5, /length\(\) takes string or list or object as argument 1; found number/],
  ['sum(@)', ['x'], /takes numbers/],
  ['sort_by(@, &a)', [{ a: 1 }, { a: 'x' }], /all numbers or all strings/],
  ['sort_by(@, &a)', [{ a: null }], /all numbers or all strings/],
  ['join(`1`, @)', [], /takes string as argument 1/],
  ['merge(@, `null`)', {}, /takes object as argument 2; found null/],
])('%s of %j says what is wrong', (text, value, message) => {
  expect(() => evaluate(text, value)).toThrow(message)
})

test('what one evaluation creates is bounded, and the next one begins anew', () => {
  const text = '[*].{aaaaaaaaaaaaaaaaaaaa: @, bbbbbbbbbbbbbbbbbbbbbbbbbbb: @}'
  const list = Array.from({ length: 200_000 }, () => 1)
  const run = compileAst(parseExpression(text))
  expect(() => run(list)).toThrow(/makes more than 4194304/)
  expect(run([1])).toHaveLength(1)
})
