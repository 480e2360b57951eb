import { describe, expect, test } from 'vitest'
import { parseFormula, parseKernel } from '../../../schemas/kernel/parse-kernel.ts'
import { printExpression } from '../../../schemas/kernel/print.ts'
import { KernelProblem } from '../../../schemas/kernel/syntax.ts'
import { fc } from '../../support/fast-check.ts'

const names = {
  inputs: new Map([
    ['a', 1],
    ['m', 2],
    ['n', 0],
  ]),
  constants: new Map([
    ['size', 10],
    ['half', 0.5],
  ]),
}
const parse = (body: string) => parseKernel(`function (a, m, n) {\n${body}\n}`, names)
const plain = {
  variable: (name: string) => name,
  element: (array: string, at: readonly string[]) => `${array}[${at.join('][')}]`,
  constant: (name: string) => names.constants.get(name)!,
  thread: (axis: string) => `this.thread.${axis}`,
}

test.each([
  ['u', 'u'],
  ['u[0]', 'u[0]'],
  ['u[0][1] + u', '(u[0][1] + u)'],
  ['u[1][2][3][4]', 'u[1][2][3][4]'],
  ['u[1][2][3][4][5]', null],
])('an input of which nothing is known may be anything: %s', (body, expected) => {
  const parse = () =>
    parseKernel(`function (u) { return ${body} }`, { inputs: new Map([['u', -1]]), constants: new Map() })
  if (expected === null) expect(parse).toThrow(KernelProblem)
  else expect(parse().body).toMatchObject([{ kind: 'return' }])
  const [statement] = expected === null ? [] : parse().body
  if (statement?.kind === 'return') expect(printExpression(statement.value, plain)).toBe(expected)
})

describe('what is not of the language', () => {
  test.each([
    ['while (true) {}; return 1', "found 'while'; expected let, if, for, return or a variable"],
    ['for (;;) {} return 1', "found ';'; expected 'let'"],
    ['for (let i = 0; i < n; i++) {} return 1', 'expected a whole number or this.constants.name'],
    ['for (let i = 0; i < this.constants.half; i++) {} return 1', 'expected a whole number'],
    ['for (let i = 0; i < 9; i++) { i = 0; } return 1', 'expected a variable that is no counter of a loop'],
    ['for (let i = 0; i < 9; i += 0) {} return 1', 'expected a step of at least 1'],
    ['for (let i = 0; i > -9; i--) {} return 1', "found '>'; expected '<'"],
    ['return process', "found 'process'; expected a parameter, a variable, Math or this.thread"],
    ['return globalThis.process.exit(1)', "found 'globalThis'"],
    ['return a.constructor', "expected '[', since 'a' has 1 dimensions"],
    ['return n.constructor', "found '.'"],
    ['return this.constructor.constructor', "found 'constructor'; expected thread or constants"],
    ['return this.constants.constructor', 'expected the name of a constant'],
    ['return Math.constructor', 'expected one of abs'],
    ['return Math.random()', 'expected one of abs'],
    ['return Math[0](1)', "found '['; expected '.'"],
    ['return (() => 1)()', "found ')'"],
    ['return `x`', "found '`'"],
    ['return "x"', "found '\"'"],
    ['return a[0]()', "found '('"],
    ['return new Date', "found 'new'"],
    ['return import(n)', "found 'import'"],
    ['return eval(1)', "found 'eval'"],
    ['return a', "found ';'; expected '['"],
    ['return m[0]', "since 'm' has 2 dimensions"],
    ['return a[0][0]', 'expected one element'],
    ['return n == 1 ? 1 : 0', "found '='"],
    ['return n & 1', "found '&'"],
    ['return n ** 2', "found '*'"],
    ['return n = 2', "found '='; expected '===' for a comparison"],
    ['return n < 1', 'expected a number'],
    ['return n ? 1 : 2', "expected a comparison before '?'"],
    ['return (n < 1) + 1', "expected '+' between two numbers"],
    ['return 1e99', 'expected a number of 32 bits'],
    ['if (n) return 1; return 2', 'expected a comparison'],
    ['n = 1; return n', 'expected let, if, for, return or a variable to assign'],
    ['a[0] = 1; return 1', 'expected let, if, for, return or a variable'],
    ['let n = 1; return n', 'expected a name that is not taken'],
    ['let __proto__$ = 1; return 1', "found '$'"],
    ['let this = 1; return 1', "'this' cannot be a name"],
    ['if (n < 1) { let b = 1; } return b', "found 'b'"],
    ['let b = 1', "expected 'return' on every way"],
    ['if (n < 1) { return 1; }', "expected 'return' on every way"],
    ['return 1 }; process.exit(); function x() {', "found '}'".slice(0, 5)],
    [`return ${'('.repeat(60)}1${')'.repeat(60)}`, 'expected at most 40 levels'],
    [`return ${'-'.repeat(60)}1`, "found '--'"],
    [`return ${Array(2_100).fill('1').join('+')}`, 'expected at most 2000 parts'],
    [`return ${'1'.repeat(9_000)}`, 'characters; expected at most 8192'],
  ])('%s', (body, message) => {
    expect(() => parse(`${body};`)).toThrow(
      expect.objectContaining({ name: 'KernelProblem', message: expect.stringContaining(message) }),
    )
  })

  test.each([
    ['() => 1', "found '('; expected 'function'"],
    ['async function () { return 1; }', "found 'async'"],
    ['function* () { return 1; }', "found '*'; expected '('"],
    ['function (b) { return 1; }', "found 'b'; expected one of the inputs a, m, n"],
    ['function (a, a) { return 1; }', 'expected every parameter once'],
    ['function (a, m) { return 1; }', "the input 'n' is no parameter"],
    ['function (a = 1) { return 1; }', "found '='; expected ','"],
    ['function (...a) { return 1; }', "found '.'"],
    ['function (a, m, n) { return 1; } process.exit()', 'expected nothing after the function'],
  ])('%s', (source, message) => {
    expect(() => parseKernel(source, names)).toThrow(
      expect.objectContaining({ name: 'KernelProblem', message: expect.stringContaining(message) }),
    )
  })

  test('says where', () => {
    expect(() => parse('let b = 1;\n  return b + nope;')).toThrow("line 3, column 14: found 'nope'")
  })

  test('loops in one another that multiply to too much', () => {
    const loops = 'for (let i = 0; i < 100000; i++) { for (let j = 0; j < 100000; j++) { b += 1; } }'
    expect(() => parse(`let b = 0; ${loops} return b;`)).toThrow('a loop of at most')
  })
})

test('the work of loops is counted', () => {
  const once = parse('let b = 0; b += n; return b;').work
  const often = parse('let b = 0; for (let i = 0; i < this.constants.size; i++) { b += n; } return b;').work
  expect(often).toBeGreaterThan(5 * once)
  expect(often).toBeLessThan(50 * once)
})

describe('formulas', () => {
  test.each([
    ['x + y * 2 - 1', '((x + (y * 2)) - 1)'],
    ['-x * !(x < y) === y ? 1 : 2', null],
    ['x < 1 && y < 2 || x > 3 ? x : y', '((((x < 1) && (y < 2)) || (x > 3)) ? x : y)'],
    ['x // comment\n /* another */ + 1', '(x + 1)'],
    ['Math.max(x, Math.PI)', 'Math.max(x, 3.1415927410125732)'],
    ['x < 1 ? x : y < 2 ? y : 3', '((x < 1) ? x : ((y < 2) ? y : 3))'],
    ['2 * 3 - 1 + x % (7 / 2)', '(5 + (x % 3.5))'],
    ['Math.max(1, 2) * x - 1 / 0', '((2 * x) - (1 / 0))'],
    ['x * -(1 - 1)', '(x * Math.ceil(-0.5))'],
    ['x < 1 ? 2 - 1 : x < 2 ? 0.5 : 0', '((x < 1) ? Math.floor(1) : ((x < 2) ? 0.5 : 0))'],
    ['this.thread.x', null],
    ['x y', null],
    ['', null],
  ])('%s', (source, printed) => {
    const parseIt = () => parseFormula(source, new Set(['x', 'y']))
    if (printed === null) expect(parseIt).toThrow(KernelProblem)
    else expect(printExpression(parseIt().tree, plain)).toBe(printed)
  })

  test('what is printed means what was written', () => {
    const leaf = fc.oneof(fc.constantFrom('x', 'y'), fc.integer({ min: 0, max: 9 }).map(String))
    const { number } = fc.letrec<{ number: string; test: string }>((tie) => ({
      number: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc
          .tuple(tie('number'), fc.constantFrom('+', '-', '*', '/', '%'), tie('number'))
          .map(([a, o, b]) => `${a} ${o} ${b}`),
        tie('number').map((a) => `(${a})`),
        tie('number').map((a) => `-(${a})`),
        tie('number').map((a) => `Math.abs(${a})`),
        fc.tuple(tie('test'), tie('number'), tie('number')).map(([t, a, b]) => `(${t} ? ${a} : ${b})`),
      ),
      test: fc.oneof(
        { depthSize: 'small' },
        fc.tuple(leaf, fc.constantFrom('<', '<=', '>', '>=', '===', '!=='), leaf).map(([a, o, b]) => `${a} ${o} ${b}`),
        fc.tuple(tie('test'), fc.constantFrom('&&', '||'), tie('test')).map(([a, o, b]) => `${a} ${o} ${b}`),
        tie('test').map((a) => `!(${a})`),
      ),
    }))
    fc.assert(
      fc.property(number, fc.integer({ min: -5, max: 5 }), fc.integer({ min: -5, max: 5 }), (source, x, y) => {
        fc.pre(source.length < 2_000)
        const printed = printExpression(parseFormula(source, new Set(['x', 'y'])).tree, plain)
        const evaluate = (text: string): unknown => new Function('x', 'y', `return ${text}`)(x, y)
        expect(evaluate(printed)).toEqual(evaluate(source))
      }),
    )
  })

  test('any text is parsed or refused with its own code', () => {
    const words = [
      'function',
      '(',
      ')',
      '{',
      '}',
      'a',
      'm',
      'n',
      '[',
      ']',
      ';',
      'let',
      'for',
      'i',
      '=',
      '<',
      '1',
      '++',
      '+',
      'return',
      'if',
      'else',
      'this',
      '.',
      'thread',
      'x',
      'Math',
      'abs',
      '?',
      ':',
      '\n',
      '$',
      '\u2028',
    ]
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words), { maxLength: 60 }), (text) => {
        try {
          parseKernel(`function (a, m, n) { ${text.join(' ')} }`, names)
        } catch (error) {
          expect(error).toMatchObject({ name: 'KernelProblem' })
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
