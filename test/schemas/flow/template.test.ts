import { describe, expect, test } from 'vitest'
import type { Scope } from '../../../schemas/flow/model.ts'
import { Problems } from '../../../schemas/flow/problems.ts'
import { asTemplate, checkTemplate, withoutTemplate } from '../../../schemas/flow/template.ts'
import type { Json } from '../../../schemas/json.ts'
import { fc } from '../../support/fast-check.ts'

const scope: Scope = {
  input: { id: 'o-1', total: 12.5, paid: true, lines: [{ sku: 'a' }], none: null, text: 'say "hi"' },
  vars: { limit: 3 },
  steps: { price: { output: { body: 7 }, status: 'completed', attempts: 1, error: null } },
  run: { id: 'r', tenant: 't', flow: 'f', version: 2, startedAt: '2026-01-01T00:00:00.000Z' },
}

function check(value: Json): { template: ReturnType<typeof checkTemplate>; problems: readonly string[] } {
  const problems = new Problems()
  const template = checkTemplate(value, ['steps', 0, 'with'], ['limit'], problems)
  return { template, problems: problems.list.map(({ code, path, message }) => `${code} ${path}: ${message}`) }
}

const render = (value: Json): Json => {
  const { template, problems } = check(value)
  expect(problems).toEqual([])
  return template.render(scope)
}

describe('rendering', () => {
  test.each<[Json, Json]>([
    ['plain', 'plain'],
    [`\${input.total}`, 12.5],
    [`\${input.lines}`, [{ sku: 'a' }]],
    [`\${input.none}`, null],
    [`\${input.missing.deep}`, null],
    [`order \${input.id}: \${input.total} \${input.paid}`, 'order o-1: 12.5 true'],
    [`\${input.id}\${vars.limit}`, 'o-13'],
    [`\${input.missing || 'none'}!`, 'none!'],
    [`\${input.lines[*].{s: sku}}`, [{ s: 'a' }]],
    [`\${ '}' }x`, '}x'],
    [`a $\${b} c`, `a \${b} c`],
    [`$\${`, `\${`],
    ['$ {a} $', '$ {a} $'],
    [`$\${\${input.id}}`, `\${o-1}`],
    [
      { a: [`\${vars.limit}`, { b: `\${run.version}` }], c: 1, d: 'x' },
      { a: [3, { b: 2 }], c: 1, d: 'x' },
    ],
    [
      [null, true, 5, `\${steps.price.output.body}`],
      [null, true, 5, 7],
    ],
    [`\${input.text}`, 'say "hi"'],
  ])('%j gives %j', (value, expected) => {
    expect(render(value)).toEqual(expected)
  })

  test.each<[Json, string, string, RegExp]>([
    [{ url: `x/\${input.none}` }, 'TEMPLATE_VALUE_MISSING', 'steps[0].with.url', /'input\.none' has no value/],
    [[`x/\${input.missing}`], 'TEMPLATE_VALUE_MISSING', 'steps[0].with[0]', /\|\| 'none'/],
    [`x/\${input.lines}`, 'TEMPLATE_VALUE_NOT_TEXT', 'steps[0].with', /is a list; expected a text/],
    [`x/\${input.lines[0]}`, 'TEMPLATE_VALUE_NOT_TEXT', 'steps[0].with', /is an object/],
    [`\${length(input.total)}`, 'EXPRESSION_FAILED', 'steps[0].with', /length\(\) takes/],
  ])('%j fails as %s at %s', (value, code, path, message) => {
    const { template } = check(value)
    expect(() => template.render(scope)).toThrow(
      expect.objectContaining({ code, path, message: expect.stringMatching(message) }),
    )
  })

  test('a rendered text is bounded', () => {
    const { template } = check(times(`\${input.text}`, 11))
    const large = { ...scope, input: { text: 'x'.repeat(100_000) } }
    expect(() => template.render(large)).toThrow(expect.objectContaining({ code: 'TEMPLATE_TOO_LARGE' }))
    const many = check({ list: Array(200).fill('${input.text}') }).template
    const message =
      'steps[0].with: the rendered value has more than 4194304 characters and values; expected at most that'
    expect(() => many.render(large)).toThrow(expect.objectContaining({ code: 'TEMPLATE_TOO_LARGE', message }))
  })

  test('leaves every value without templates as it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        fc.pre(!/\$\{|__proto__/.test(JSON.stringify(value)))
        expect(check(value as Json).template.render(scope)).toEqual(value)
      }),
    )
  })
})

const times = (part: string, count: number): string => part.repeat(count)

describe('what a template says of itself', () => {
  test.each<[Json, object]>([
    ['x', { constant: true, verbatim: null, reads: { input: false, steps: [] } }],
    [`$\${x`, { constant: true }],
    [`\${input}`, { constant: false, verbatim: { kind: 'input' }, reads: { input: true, steps: [] } }],
    [
      `\${ steps.price.output }`,
      { verbatim: { kind: 'output', step: 'price' }, reads: { input: false, steps: ['price'] } },
    ],
    [`\${steps."sign-off".output}`, { verbatim: { kind: 'output', step: 'sign-off' } }],
    [`\${steps.price.status}`, { verbatim: null }],
    [`\${input} `, { verbatim: null }],
    [[`\${input}`], { verbatim: null }],
    [`\${vars.limit}`, { constant: false, reads: { input: false, steps: [] } }],
    [
      { a: `\${steps.b.output}`, c: `\${steps.a.status || steps.b.error}` },
      { reads: { input: false, steps: ['b', 'a'] } },
    ],
    [`\${keys(steps)}`, { reads: { input: false, steps: 'all' } }],
    [`\${@}`, { reads: { input: true, steps: 'all' } }],
    [`\${input.a[?steps.x]}`, { reads: { input: true, steps: [] } }],
  ])('%j: %j', (value, expected) => {
    expect(check(value).template).toMatchObject(expected)
  })
})

describe('refused when checked', () => {
  test.each<[Json, RegExp]>([
    [`x \${input.a`, /INVALID_EXPRESSION steps\[0\]\.with: the template that begins at column 3 is not closed/],
    [`\${input.a['}`, /is not closed/],
    [`\${}`, /INVALID_EXPRESSION.*empty/],
    [{ a: [`\${inputs.a}`] }, /UNKNOWN_NAME steps\[0\]\.with\.a\[0\]: unknown name 'inputs'.*did you mean 'input'/],
    [`\${steps.a.outputs}`, /unknown name 'outputs' in steps\.a; did you mean 'output'/],
    [`\${vars.limti}`, /unknown name 'limti' in vars; did you mean 'limit'/],
    [`\${run.idd}`, /unknown name 'idd' in run; did you mean 'id'/],
    [`\${input.a == "x"}`, /unknown name 'x'.*a text is written in single quotes: 'x'/],
    [`\${item.a}`, /NOT_SUPPORTED_YET.*forEach/],
    [`\${[input, input][0] | index}`, /^$/],
    [times(`\${input.a}`, 257), /LIMIT_EXCEEDED.*257 expressions/],
    [`\${[${Array(17).fill('input').join()}]}`, /EXPRESSION_TOO_LARGE/],
  ])('%j', (value, message) => {
    const { problems } = check(value)
    expect(problems.join('\n')).toMatch(message)
  })
})

test('a bare expression and one in a template are the same', () => {
  expect(asTemplate('input.a')).toBe(`\${input.a}`)
  expect(asTemplate(`x \${input.a}`)).toBe(`x \${input.a}`)
  expect(withoutTemplate(` \${input.a} `)).toBe('input.a')
  expect(withoutTemplate(`\${input.a}\${input.b}`)).toBe(`\${input.a}\${input.b}`)
})
