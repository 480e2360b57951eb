import { afterAll, describe, expect, test } from 'vitest'
import { checkFlow, compileStored } from '../../../schemas/flow/compile.ts'
import { toJsonText } from '../../../schemas/json.ts'
import { contextOf, openBlocks } from '../../processors/execute/blocks/support.ts'
import { problems } from './flows.ts'

const set = openBlocks({ cpuThreads: 1 })
afterAll(() => set.close())

const flowOf = (type: string, input: object, field = 'with'): string =>
  JSON.stringify({ flow: 'test', steps: [{ id: 'a', type, [field]: input }] })

describe('what is published', () => {
  test.each<[string, object, readonly string[]]>([
    ['jmespath', { expression: 'a[?b > `1`].b' }, []],
    [
      'jmespath',
      { expression: 'a[', data: {} },
      [
        "INVALID_EXPRESSION steps[0].with.expression: the expression does not parse: it ends where more is expected (in 'a[')",
      ],
    ],
    ['jmespath', { expression: 'nope(@)' }, ["INVALID_EXPRESSION steps[0].with.expression: unknown function 'nope'"]],
    ['jmespath', { expression: `'${'x'.repeat(70_000)}'` }, ['EXPRESSION_TOO_LARGE steps[0].with.expression: the exp']],
    // beyond what the engine itself evaluates, and fit for the block
    ['jmespath', { expression: Array(100).fill('a').join('.') }, []],
    ['jmespath', { expression: '${vars.e}[' }, ["UNKNOWN_NAME steps[0].with.expression: unknown name 'e' in vars"]],
    ['jmespath', { expression: "a['$${'" }, ['INVALID_EXPRESSION steps[0].with.expression: the expression does not']],
    ['jmespath', {}, []],
    ['javascript', { code: '' }, []],
    [
      'javascript',
      { code: 'const a = 1\n  a b' },
      ["INVALID_SCRIPT steps[0].with.code: the script does not parse: Unexpected identifier 'b' (at line 2, column 5)"],
    ],
    [
      'javascript.trusted',
      { code: 'let x = ;' },
      ["INVALID_SCRIPT steps[0].with.code: the script does not parse: Unexpected token ';' (at line 1, column 9)"],
    ],
    // as a program it would be wrong from its first word on
    [
      'javascript',
      { code: 'return { a: 1 2 }' },
      ['INVALID_SCRIPT steps[0].with.code: the script does not parse: Unexpected number (at line 1, column 15)'],
    ],
    [
      'javascript',
      { code: 'const x = await f(); a b' },
      [
        "INVALID_SCRIPT steps[0].with.code: the script does not parse: Unexpected identifier 'b' (at line 1, column 24)",
      ],
    ],
    [
      'javascript',
      { code: 'if (x) {\n  return 1' },
      ['INVALID_SCRIPT steps[0].with.code: the script ends where more is expected'],
    ],
    [
      'javascript',
      { code: `${'x'.repeat(2_000)} b` },
      ["INVALID_SCRIPT steps[0].with.code: the script does not parse: Unexpected identifier 'b' (at line 1)"],
    ],
    ['javascript', { code: 'let s = `$${item.id}`; s +' }, ['INVALID_SCRIPT steps[0].with.code: the script ends wh']],
    ['javascript', { code: 'a b ${input.x}' }, []],
    ['echo', { code: 'a b', expression: 'a[' }, []],
  ])('%s %j: %j', (type, input, expected) => {
    const found = problems(flowOf(type, input))
    expect(found).toHaveLength(expected.length)
    for (const [index, text] of expected.entries()) expect(found[index]).toContain(text)
  })

  test.each<[string, object, string | null]>([
    ['a formula', { kernel: 'map', formula: 'a * x + b', inputs: { x: '${input.x}', a: 2, b: '${input.b}' } }, null],
    [
      'a name that is no input',
      { kernel: 'map', formula: 'a * y', inputs: { x: [1], a: 2 } },
      "formula: line 1, column 5: found 'y'; expected a parameter",
    ],
    ['inputs that are not known', { kernel: 'map', formula: 'y', inputs: '${input}' }, null],
    ['a name that cannot be', { kernel: 'map', formula: '1', inputs: { this: 1 } }, "formula: 'this' cannot be a name"],
    [
      'code',
      { kernel: 'map', formula: 'process.exit()', inputs: { x: [1] } },
      "formula: line 1, column 1: found 'proc",
    ],
    ['a text that is put together', { kernel: 'map', formula: '${input.f} +', inputs: { x: [1] } }, null],
    ['draws', { kernel: 'monte-carlo', formula: 'u * n', variables: { u: 'uniform' }, inputs: { n: 1 } }, null],
    [
      'draws of nothing',
      { kernel: 'monte-carlo', formula: 'u * n', variables: { u: 'uniform' } },
      "formula: line 1, column 5: found 'n'",
    ],
    [
      'inputs of any form',
      {
        kernel: 'custom',
        source: 'function (a, m, n) { return a[0] + m[1][2] + n }',
        inputs: { a: [1], m: '${input}', n: '${input}' },
      },
      null,
    ],
    [
      'a number that is read as a list',
      { kernel: 'custom', source: 'function (n) { return n[0] }', inputs: { n: 1 } },
      "source: line 1, column 24: found '['",
    ],
    [
      'a loop without a bound',
      { kernel: 'custom', source: 'function (n) {\n  while (true) {}\n}', inputs: { n: 1 } },
      "source: line 2, column 3: found 'while'",
    ],
    [
      'a loop to a constant',
      {
        kernel: 'custom',
        source: 'function () { let s = 0; for (let i = 0; i < this.constants.n; i++) { s += i } return s }',
        inputs: {},
        constants: { n: 5 },
      },
      null,
    ],
    [
      'constants that are not known',
      { kernel: 'custom', source: 'no function', inputs: {}, constants: { n: '${input.n}' } },
      null,
    ],
    ['another kernel', { kernel: 'softmax', values: [1], source: 'x', formula: '((' }, null],
  ])('a kernel: %s', (_name, input, expected) => {
    const found = problems(flowOf('kernel', input))
    if (expected === null) expect(found).toEqual([])
    else expect(found).toEqual([expect.stringContaining(`INVALID_KERNEL steps[0].with.${expected}`)])
  })

  test('a regular expression that does not parse is not repeated as a whole', () => {
    const [found] = problems(flowOf('javascript', { code: `/${'(a|'.repeat(5_000)}/` }))
    expect(found).toContain('INVALID_SCRIPT')
    expect(found!.length).toBeLessThan(400)
  })

  test('where it stands in the text is told too', () => {
    const source = 'flow: test\nsteps:\n  - id: a\n    type: javascript\n    with:\n      code: a b\n'
    const checked = checkFlow(source)
    expect(checked.ok ? [] : checked.problems).toMatchObject([{ code: 'INVALID_SCRIPT', line: 6, column: 13 }])
  })

  test('nothing is run', () => {
    const mark = globalThis as { ran?: true }
    expect(problems(flowOf('javascript', { code: '}); globalThis.ran = true; (function(){' }))).toEqual([])
    expect(problems(flowOf('javascript', { code: 'globalThis.ran = true' }))).toEqual([])
    expect(mark.ran).toBeUndefined()
  })
})

test('documents of the older systems, and those that are published already, are left to their blocks', () => {
  expect(problems(flowOf('javascript', { code: 'a b' }, 'inputs'))).toEqual([])
  const document = toJsonText({ flow: 'test', steps: [{ id: 'a', type: 'jmespath', with: { expression: 'a[' } }] })
  expect(compileStored('test', document).flow).toBe('test')
})

/** In several forms, with what compilers are known to differ in. */
const SCRIPTS = [
  'return 1',
  'const x = await 1; x',
  'await 1; return 2',
  'await = 1',
  'var yield = 1',
  '<!-- a comment\n1',
  '1\n--> a comment',
  '#!/usr/bin/env node\n1',
  '08 + 010',
  'with ({}) 1',
  '"use strict"; 1',
  'label: for (;;) break label',
  'async function* f() { yield* [1]; for await (const x of []) {} } 1',
  'class A { #p = 1; static { this.q = 2 } get [`x`]() { return this.#p } has(o) { return #p in o } } 1',
  'a?.b ?? 1; var a',
  'let [x = 1, ...y] = [], { z, ...w } = {}; x ||= 2; x',
  '/(?<year>\\d{4})(?<!x)\\p{L}/u.test("a"), /[\\d-x]/.test("a"), /a{,2}/.test("a"), /\\c/.test("a")',
  '1_000n ** 2n; 1',
  'import("x").catch(() => 1); 1',
  'new.target; 1',
  'return\n1',
  'let let = 1',
  '}); (function(){',
  'a b',
  '({a: 1',
]

test.each(SCRIPTS)('what the sandbox takes is not refused: %s', async (code) => {
  const block = set.blocks.find(({ type }) => type === 'javascript')!
  const error = await Promise.resolve(block.run(contextOf(), { code })).then(
    () => null,
    (thrown: { readonly message: string }) => thrown,
  )
  const takes = error === null || !error.message.includes('SyntaxError')
  if (takes) expect(problems(flowOf('javascript', { code }))).toEqual([])
})
