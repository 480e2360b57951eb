/**
 * Expressions of the kernel language, put together at random, are what JavaScript makes of them on every backend. gpu.js keeps integers and floats apart by guesses, and
 * some compilers refuse what it writes where it guesses wrong. All numbers here are exact as 32-bit floats.
 */
import { beforeAll, expect, test } from 'vitest'
import { fc } from '../../../../support/fast-check.ts'
import { backendsReady, openGpu, runner, TESTED } from './backends.ts'

beforeAll(backendsReady)

/** A text of the language and what it is at a place. */
interface Term {
  readonly text: string
  at(x: number): number
}

const A = [3, -1, 0.5, 7]
const B = [
  [1, 2, 3],
  [-4, 0.25, 6],
]
const NUMBERS = { half: 0.5, two: 2 }
const LEFT = 3
const WIDTH = 6

/** The language reads the edge for what lies outside. */
const inside = (index: number, length: number): number => Math.min(Math.max(Math.floor(index), 0), length - 1)
const literal: fc.Arbitrary<Term> = fc
  .constantFrom(0, 1, 2, 3, 0.5, 1.25)
  .map((value) => ({ text: String(value), at: () => value }))
const leaf: fc.Arbitrary<Term> = fc.oneof(
  literal,
  fc.constantFrom<Term>(
    { text: 'this.thread.x', at: (x) => x },
    { text: 'this.constants.left', at: () => LEFT },
    { text: 'half', at: () => NUMBERS.half },
    { text: 'two', at: () => NUMBERS.two },
    { text: 'a[this.thread.x]', at: (x) => A[inside(x, A.length)]! },
  ),
)

function binary(operator: string, of: (a: number, b: number) => number) {
  return (left: Term, right: Term): Term => ({
    text: `(${left.text} ${operator} ${right.text})`,
    at: (x) => of(left.at(x), right.at(x)),
  })
}

function call(name: 'min' | 'max' | 'abs' | 'floor' | 'ceil' | 'sign') {
  return (...args: readonly Term[]): Term => ({
    text: `Math.${name}(${args.map(({ text }) => text).join(', ')})`,
    at: (x) => (Math[name] as (...values: number[]) => number)(...args.map((arg) => arg.at(x))),
  })
}

const comparisons = [
  binary('<', (a, b) => Number(a < b)),
  binary('>=', (a, b) => Number(a >= b)),
  binary('===', (a, b) => Number(a === b)),
  binary('!==', (a, b) => Number(a !== b)),
]

const { term } = fc.letrec<{ term: Term; test: Term }>((tie) => ({
  term: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc
      .tuple(
        fc.constantFrom(
          binary('+', (a, b) => a + b),
          binary('-', (a, b) => a - b),
        ),
        tie('term'),
        tie('term'),
      )
      .map(([of, left, right]) => of(left, right)),
    fc.tuple(literal, tie('term')).map(([left, right]) => binary('*', (a, b) => a * b)(left, right)),
    tie('term').map((left) => binary('/', (a, b) => a / b)(left, { text: '2', at: () => 2 })),
    tie('term').map((left) => binary('%', (a, b) => a % b)(call('abs')(left), { text: '4', at: () => 4 })),
    tie('term').map(({ text, at }) => ({ text: `(-${text})`, at: (x: number) => -at(x) })),
    fc.tuple(fc.constantFrom('min', 'max'), tie('term'), tie('term')).map(([name, a, b]) => call(name)(a, b)),
    fc.tuple(fc.constantFrom('abs', 'floor', 'ceil', 'sign'), tie('term')).map(([name, of]) => call(name)(of)),
    fc.tuple(tie('test'), tie('term'), tie('term')).map(([question, yes, no]) => ({
      text: `(${question.text} ? ${yes.text} : ${no.text})`,
      at: (x: number) => (question.at(x) ? yes.at(x) : no.at(x)),
    })),
    tie('term').map((index) => ({
      text: `a[${index.text}]`,
      at: (x: number) => A[inside(index.at(x), A.length)]!,
    })),
    fc.tuple(tie('term'), tie('term')).map(([row, column]) => ({
      text: `b[${row.text}][${column.text}]`,
      at: (x: number) => B[inside(row.at(x), 2)]![inside(column.at(x), 3)]!,
    })),
  ),
  test: fc.oneof(
    { maxDepth: 2 },
    fc.tuple(fc.constantFrom(...comparisons), tie('term'), tie('term')).map(([of, left, right]) => of(left, right)),
    fc.tuple(tie('test'), tie('test')).map(([left, right]) => binary('&&', (a, b) => Number(a && b))(left, right)),
    fc.tuple(tie('test'), tie('test')).map(([left, right]) => binary('||', (a, b) => Number(a || b))(left, right)),
    tie('test').map(({ text, at }) => ({ text: `(!${text})`, at: (x: number) => Number(!at(x)) })),
  ),
}))

test.each(TESTED)('%s: expressions are what JavaScript makes of them', async (backend) => {
  const set = openGpu(backend, { gatherMs: 0 })
  const run = runner(set)
  const property = fc.asyncProperty(fc.array(term, { minLength: 4, maxLength: 4 }), async (terms) => {
    const lines = terms.map(({ text }, index) => `if (this.thread.y === ${index}) { return ${text}; }`)
    const source = `function (a, b, half, two) {\n${lines.join('\n')}\nreturn 0;\n}`
    const input = { kernel: 'custom', source, inputs: { a: A, b: B, ...NUMBERS }, constants: { left: LEFT } }
    const { output } = (await run({ ...input, size: [WIDTH, terms.length] })) as { readonly output: unknown }
    const expected = terms.flatMap(({ at }) => Array.from({ length: WIDTH }, (_, x) => at(x) + 0))
    expect((output as { readonly data: readonly number[] }).data.map((value) => value + 0)).toEqual(expected)
  })
  await fc.assert(property, { numRuns: 12 })
  await set.close()
})
