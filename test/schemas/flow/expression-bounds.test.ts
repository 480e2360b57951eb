import { describe, expect, test } from 'vitest'
import { parseExpression, SyntaxProblem } from '../../../schemas/flow/expression-ast.ts'
import { checkBounds, MAX_FACTOR } from '../../../schemas/flow/expression-bounds.ts'
import { compileAst } from '../../../schemas/flow/expression-evaluate.ts'
import type { Json } from '../../../schemas/json.ts'
import { fc } from '../../support/fast-check.ts'

const check = (text: string): void => checkBounds(parseExpression(text))
const times = (part: string, count: number, between = ', '): string =>
  Array.from({ length: count }, () => part).join(between)

describe('allowed', () => {
  test.each([
    'input.order.lines[0].sku',
    'steps.price.output.body.total > `1000`',
    "input.lines[?qty > `1` && status == 'completed-with-a-long-name'].{id: id, qty: qty, price: price}",
    'sort_by(input.lines, &qty)[-1].sku',
    "join(', ', input.names)",
    `[${times('input', 16)}]`,
    "input.x || 'none'",
    'map(&{a: a, b: b}, input.list)',
    `a.${times('a', 13, '.')}`,
  ])('%s', (text) => {
    expect(() => check(text)).not.toThrow()
  })
})

describe('exceeds a bound', () => {
  test.each([
    ['text of more than 4 KB', `'${'x'.repeat(4095)}'`, /4097 bytes; expected at most 4096/],
    ['bytes, not characters', `'${'é'.repeat(2048)}'`, /4098 bytes/],
    ['more than 64 nodes', `[${times('a.a.a', 13)}]`, /more than 64 nodes/],
    ['deeper than 16', `a${'.a'.repeat(16)}`, /deeper than 16 levels/],
    ['parentheses 2,000 deep', `${'!'.repeat(2_000)}a`, /64 nodes|16 levels|does not parse/],
    ['a deep literal', `\`${'['.repeat(17)}${']'.repeat(17)}\``, /literal is deeper than 16/],
    ['17 copies', `[${times('@', 17)}]`, /more than 16 times/],
    ['copies of copies', '[@, @] | [@, @] | [@, @] | [@, @] | [@, @]', /more than 16 times/],
    ['copies that are thrown away', 'length([@, @] | [@, @] | [@, @] | [@, @] | [@, @])', /more than 16 times/],
    ['copies within a projection', `[*].[${times('@', 9)}] | [*].[${times('@', 2)}]`, /more than 16 times/],
    ['a literal list for every item', `[*].{a: \`[${times('1', 20)}]\`}`, /more than 16 times/],
    ['a long text for every item', `[*].{a: '${'x'.repeat(300)}'}`, /more than 16 times/],
    ['map of copies', `map(&[${times('@', 17)}], @)`, /more than 16 times/],
    ['texts of texts', `${times('to_string([', 5, '')}@${times('])', 5, '')}`, /more than 16 times|16 levels/],
    ['a glue from the data', 'join(a, b)', /literal text of at most 16/],
    ['a long glue', `join('${'x'.repeat(17)}', b)`, /literal text of at most 16/],
    ['merge of copies', `merge(${times('@', 17)})`, /more than 16 times/],
  ])('%s', (_, text, message) => {
    expect(() => check(text)).toThrow(RangeError)
    expect(() => check(text)).toThrow(message)
  })
})

describe('does not parse', () => {
  test.each([
    ['', /empty/],
    ['   ', /empty/],
    ['a.', /operand is missing/],
    ['a +', /Unknown character/],
    ["'abc", /the ' at column 1 is not closed/],
    ['`1', /the ` at column 1 is not closed/],
    ['"a', /the " at column 1 is not closed/],
    ['a = b', /found a single '='; expected '=='/],
    ['a == ', /does not parse: it ends where more is expected/],
    ['a)', /found '\)' where it may not stand/],
    ['a > 3', /numbers are written in backquotes, such as `10`/],
    ['a[x]', /found a name, expected/],
    ['a - b', /found '-' where it may not stand|Unknown character/],
    ['!input.urgent', /'!' binds tighter/],
    ['steps.a.output[?!tags.first]', /'!' binds tighter/],
    ['()', /operand is missing/],
    ['a[-]', /whole number/],
    ['a[::0]', /step of a slice is 0/],
    ['steps.sign-off.output', /needs quotes: \."sign-off"/],
    ['lenght(a)', /unknown function 'lenght'; did you mean 'length'\?/],
    ['length(a, b)', /given 2 arguments; expected 1/],
    ['not_null()', /given 0 arguments; expected 1 or more/],
    ['{"__proto__": a}', /'__proto__' is not allowed/],
    ['a[', /does not parse/],
    ['&a', /'&' may not stand here/],
    ['length(&a)', /'&' may not stand here/],
    ['sort_by(a, b)', /takes an expression here/],
    [`'\ud800'`, /half of a surrogate pair/],
    ['$a', /does not parse/],
  ])('%s', (text, message) => {
    expect(() => check(text)).toThrow(message)
    expect(() => check(text)).toThrow(SyntaxProblem)
  })

  test('no text makes anything but a syntax tree or one of the two errors', () => {
    const piece = fc.constantFrom(
      'a',
      '.',
      '[',
      ']',
      '{',
      '}',
      '(',
      ')',
      '*',
      '?',
      '|',
      '&',
      '!',
      '=',
      '<',
      "'",
      '"',
      '`',
      '1',
      '-',
      ':',
      ',',
      '@',
      'length',
      ' ',
    )
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 30 }).map((parts) => parts.join('')),
        (text) => {
          try {
            const run = compileAst(parseExpression(text))
            expect(run).toBeTypeOf('function')
          } catch (error) {
            expect(error instanceof SyntaxProblem || error instanceof RangeError).toBe(true)
          }
        },
      ),
      { numRuns: 5_000 },
    )
  })
})

/** As `expression-bounds.ts` counts. */
function sizeOf(value: Json): number {
  if (typeof value === 'string') return 1 + Math.floor(value.length / 16)
  if (typeof value !== 'object' || value === null) return 1
  return Object.values(value).reduce<number>((total, part) => total + sizeOf(part as Json), 1)
}

test('what is allowed makes at most 16 times its input and a constant', () => {
  const { expression } = fc.letrec<{ expression: string }>((tie) => {
    const inner = tie('expression')
    return {
      expression: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom('@', 'a', 'a[0]', '`[1, 2, 3]`', "'a longer text that counts twice'"),
        fc.array(inner, { minLength: 1, maxLength: 5 }).map((parts) => `[${parts.join(', ')}]`),
        fc.tuple(inner, inner).map(([a, b]) => `{x: ${a}, y: ${b}}`),
        fc.tuple(inner, inner).map(([a, b]) => `(${a}) | (${b})`),
        inner.map((e) => `[*].[${e}]`),
        inner.map((e) => `a[*].{x: ${e}}`),
        fc.tuple(inner, inner).map(([e, list]) => `map(&(${e}), to_array(${list}))`),
        inner.map((e) => `to_string(${e})`),
        inner.map((e) => `(${e})[]`),
      ),
    }
  })
  const data = fc.constantFrom<Json>(
    [[[1, 2], [3]], [{ a: [1, 2, 3] }], 'x'],
    { a: [{ a: [1] }, { a: 'text' }, [1, 2, [3]]] },
    Array.from({ length: 50 }, () => 1),
    { a: Array.from({ length: 50 }, () => ({ a: [1, 1] })) },
  )
  fc.assert(
    fc.property(expression, data, (text, value) => {
      try {
        check(text)
      } catch {
        return
      }
      const result = compileAst(parseExpression(text))(value)
      expect(sizeOf(result)).toBeLessThanOrEqual(MAX_FACTOR * sizeOf(value) + 65_536)
    }),
    { numRuns: 2_000 },
  )
})
