import { describe, expect, test } from 'vitest'
import { checkFlow } from '../../../schemas/flow/compile.ts'
import { A, flow, problems } from './flows.ts'

const step = (fields: string): string => flow(`${A}\n - {id: b, type: echo, ${fields}}`)

describe('refused', () => {
  test.each<[string, string, string]>([
    ['nothing', '', 'INVALID_FIELD : the document is empty; expected a flow'],
    ['a list', '[1]', 'INVALID_FIELD : found a list of 1; expected a flow'],
    ['no name', 'steps: [{id: a, type: echo}]', "MISSING_FIELD : the name of the flow ('flow') is nothing"],
    [
      'a bad name',
      'flow: a/b\nsteps: [{id: a, type: echo}]',
      "INVALID_FIELD flow: the name of the flow ('flow') is 'a/b'",
    ],
    ['no steps', 'flow: a', "MISSING_FIELD : the flow has no 'steps'"],
    ['empty steps', 'flow: a\nsteps: []', 'INVALID_FIELD steps: the list of steps is empty'],
    [
      'steps that are no list',
      'flow: a\nsteps: {a: 1}',
      'INVALID_FIELD steps: found an object; expected a list of steps',
    ],
    ['an unknown field', flow(A, 'stpes: 1'), "UNKNOWN_FIELD stpes: unknown field 'stpes'; did you mean 'steps'?"],
    [
      'an unknown field near nothing',
      flow(A, 'zzzzz: 1'),
      "UNKNOWN_FIELD zzzzz: unknown field 'zzzzz'; expected one of flow,",
    ],
    ['constructor as a field', flow(A, 'constructor: 1'), "UNKNOWN_FIELD constructor: unknown field 'constructor'"],
    ['__proto__ as a field', flow(A, '__proto__: {a: 1}'), "UNKNOWN_FIELD __proto__: '__proto__' is not allowed"],
    [
      'an unknown field of a step',
      step('wih: 1'),
      "UNKNOWN_FIELD steps[1].wih: unknown field 'wih'; did you mean 'with'?",
    ],
    ['a step that is no object', flow(' - a'), "INVALID_FIELD steps[0]: found 'a'; expected a step"],
    ['a step without id', flow(' - {type: echo}'), "MISSING_FIELD steps[0]: the step's id is nothing"],
    [
      'a bad id',
      flow(' - {id: A_b, type: echo}'),
      "INVALID_FIELD steps[0].id: the step's id is 'A_b'; expected a lower-case letter",
    ],
    ['a duplicate id', flow(`${A}\n${A}`), "DUPLICATE_STEP steps[1].id: the id 'a' is that of steps[0] too"],
    ['no type', flow(' - {id: a}'), "MISSING_FIELD steps[0]: the step has no 'type'"],
    [
      'an unknown block',
      flow(' - {id: a, type: htpp}'),
      "UNKNOWN_BLOCK steps[0].type: unknown type 'htpp'; did you mean 'http'?",
    ],
    [
      'an unknown step in after',
      step('after: [a, aa]'),
      "UNKNOWN_STEP steps[1].after[1]: there is no step 'aa'; did you mean 'a'?",
    ],
    [
      'an unknown step in edges',
      flow(A, 'edges: [{from: a, to: x}]'),
      "UNKNOWN_STEP edges[0].to: there is no step 'x'",
    ],
    [
      'an edge without an end',
      flow(A, 'edges: [{from: a}]'),
      'INVALID_FIELD edges[0].to: found nothing; expected the id of a step',
    ],
    [
      'an unknown step in an expression',
      step(`with: {u: "\${steps.prise.output}"}`),
      "UNKNOWN_STEP steps[1].with.u: there is no step 'prise'",
    ],
    [
      'an unknown step in output',
      flow(A, 'output: steps.b.output'),
      "UNKNOWN_STEP output: there is no step 'b' (in 'steps.b.output'); did you mean 'a'?",
    ],
    ['a constant text as output', flow(A, 'output: done'), "UNKNOWN_NAME output: unknown name 'done'"],
    [
      "a script's own template",
      flow(' - {id: a, type: javascript, with: {code: "`${sku}`"}}'),
      "expected one of input, vars, steps, run (in 'sku'); if it is meant for the script, write $${...}",
    ],
    [
      'a condition about a later step',
      flow(`${A}\n - {id: b, type: echo}`, 'edges: [{from: a, to: b, condition: steps.b.output}]'),
      "NOT_AN_ANCESTOR edges[0].condition: step 'b' may not have ended when 'a' has",
    ],
    [
      'a condition about another branch',
      flow(
        `${A}\n - {id: b, type: echo}\n - {id: c, type: echo}`,
        'edges: [{from: a, to: b, condition: steps.c.output}]',
      ),
      'NOT_AN_ANCESTOR edges[0].condition',
    ],
    [
      'a condition about no step',
      flow(`${A}\n - {id: b, type: echo}`, 'edges: [{from: a, to: b, condition: steps.c.output}]'),
      "UNKNOWN_STEP edges[0].condition: there is no step 'c'",
    ],
    [
      'two conditions',
      flow(
        `${A}\n - {id: b, type: echo}`,
        'edges: [{from: a, to: b, condition: input.x}, {from: a, to: b, condition: input.y}]',
      ),
      'INVALID_FIELD edges[1].condition: there is another edge',
    ],
    [
      'all steps at once',
      step(`with: "\${steps}"`),
      "INVALID_EXPRESSION steps[1].with: 'steps' takes all steps at once",
    ],
    [
      'an expression that does not parse',
      step('when: "a ="'),
      'INVALID_EXPRESSION steps[1].when: the expression does not parse',
    ],
    [
      'an expression over the bound',
      step(`when: "[${Array(17).fill('@').join()}]"`),
      'EXPRESSION_TOO_LARGE steps[1].when: the expression can multiply',
    ],
    [
      'a condition that is no text',
      step('when: true'),
      'INVALID_FIELD steps[1].when: found true; expected an expression',
    ],
    [
      'a number as timeout',
      step('timeout: 10'),
      "INVALID_FIELD steps[1].timeout: found 10; expected a length of time such as 200ms, 10s, 5m, 24h or 7d, at least 1ms, at most 3650d; for milliseconds write '10ms'",
    ],
    ['a timeout of nothing', step('timeout: 0s'), "INVALID_FIELD steps[1].timeout: found '0s'"],
    [
      'a deadline that is none',
      flow(A, 'deadline: soon'),
      "INVALID_FIELD deadline: found 'soon'; expected a length of time",
    ],
    [
      'an unknown preset',
      step('retry: agressive'),
      "INVALID_FIELD steps[1].retry: unknown retry preset 'agressive'; did you mean 'aggressive'?",
    ],
    [
      '0 attempts',
      step('retry: {attempts: 0}'),
      'INVALID_FIELD steps[1].retry.attempts: found 0; expected a whole number from 1 to 100',
    ],
    [
      'an unknown backoff',
      step('retry: {backoff: expo}'),
      "INVALID_FIELD steps[1].retry.backoff: found 'expo'; expected fixed, linear, exponential",
    ],
    [
      'a base above max',
      step('retry: {base: 2s, max: 1s}'),
      'INVALID_FIELD steps[1].retry.base: base is 2000 ms and max 1000 ms',
    ],
    [
      'a jitter above 1',
      step('retry: {jitter: 2}'),
      'INVALID_FIELD steps[1].retry.jitter: found 2; expected a number from 0 to 1',
    ],
    [
      'an unknown error class',
      step('retry: {on: [transeint]}'),
      "INVALID_FIELD steps[1].retry.on[0]: found 'transeint'",
    ],
    [
      'an unknown field of retry',
      step('retry: {atempts: 1}'),
      "UNKNOWN_FIELD steps[1].retry.atempts: unknown field 'atempts'; did you mean 'attempts'?",
    ],
    [
      'a field and its older name',
      step('timeout: 1s, timeout_ms: 5'),
      "INVALID_FIELD steps[1].timeout_ms: 'timeout_ms' is an older name of 'timeout'",
    ],
    [
      'an unknown pool',
      step('pool: gpuu'),
      "INVALID_FIELD steps[1].pool: found 'gpuu'; expected cpu, io, gpu; did you mean 'gpu'?",
    ],
    [
      'a join that is none',
      step('join: some'),
      "INVALID_FIELD steps[1].join: found 'some'; expected all, any or a number",
    ],
    [
      'a join of too many',
      step('after: a, join: 2'),
      'INVALID_FIELD steps[1].join: the step waits for 2 of 1 dependencies',
    ],
    [
      'optional that is no boolean',
      step('optional: maybe'),
      "INVALID_FIELD steps[1].optional: found 'maybe'; expected true or false",
    ],
    [
      'a wait for nothing',
      flow(' - {id: a, type: wait}'),
      'INVALID_FIELD steps[0].with: found nothing; expected an object',
    ],
    [
      'a wait for both',
      flow(' - {id: a, type: wait, with: {for: 1s, until: input.x}}'),
      "INVALID_FIELD steps[0].with: expected either 'for'",
    ],
    [
      'a wait with a typo',
      flow(' - {id: a, type: wait, with: {fro: 1s}}'),
      "UNKNOWN_FIELD steps[0].with.fro: unknown field 'fro'; did you mean 'for'?",
    ],
    [
      'a wait with retries',
      flow(' - {id: a, type: wait, with: {for: 1s}, retry: api}'),
      "INVALID_FIELD steps[0].retry: 'retry' means nothing",
    ],
    [
      'a priority of 10',
      flow(A, 'priority: 10'),
      'INVALID_FIELD priority: found 10; expected a whole number from 0 to 9',
    ],
    [
      'an unknown onFailure',
      flow(A, 'onFailure: stop'),
      "INVALID_FIELD onFailure: found 'stop'; expected fail, continue",
    ],
    ['sticky without a key', flow(A, 'sticky: {ttl: 1m}'), "MISSING_FIELD sticky: 'sticky' has no 'key'"],
    [
      'a sticky key about steps',
      flow(A, 'sticky: {key: steps.a.output}'),
      'INVALID_EXPRESSION sticky.key: the key is needed before any step runs',
    ],
    ['vars that are no object', flow(A, 'vars: 1'), 'INVALID_FIELD vars: found 1; expected an object of constants'],
    ['an input schema that is none', flow(A, 'input: {type: objekt}'), 'INVALID_SCHEMA input.type: not a JSON Schema'],
    [
      'an input schema deep down',
      flow(A, 'input: {properties: {a: {items: [1]}}}'),
      'INVALID_SCHEMA input.properties.a.items',
    ],
    [
      'an input schema that refers to nothing',
      flow(A, "input: {$ref: '#/$defs/x'}"),
      'INVALID_SCHEMA input: not a JSON Schema of draft 2020-12',
    ],
    ['an input schema with a bad pattern', flow(A, "input: {pattern: '('}"), 'INVALID_SCHEMA input'],
  ])('%s', (_, source, expected) => {
    expect(problems(source).join('\n')).toContain(expected)
  })

  test.each([
    ['forEach', step('forEach: input.lines')],
    ['concurrency', step('concurrency: 8')],
    ['onItemFailure', step('onItemFailure: collect')],
    ['compensate', step('compensate: {type: http}')],
    ['worker', step('worker: {zone: a}')],
    ['approval', flow(' - {id: a, type: approval}')],
    ['signal', flow(' - {id: a, type: signal}')],
    ['flow', flow(' - {id: a, type: flow}')],
    ['human_approval', flow(' - {id: a, type: human_approval}')],
    ['external', step('pool: external')],
    ['concurrency', flow(A, 'concurrency: {limit: 1}')],
    ['triggers', flow(A, 'triggers: []')],
    ['retention', flow(A, 'retention: 7d')],
    ['policies', flow(A, 'policies: {a: 1}')],
    ['compensate', flow(A, 'onFailure: compensate')],
    ['forEach', step(`with: "\${item.a}"`)],
  ])('%s, which this version does not have yet', (name, source) => {
    const found = problems(source)
    expect(found).toHaveLength(1)
    expect(found[0]).toMatch(/^NOT_SUPPORTED_YET .*this version does not have/)
    expect(found[0]).toContain(name)
  })

  test('with every problem, its line and its column', () => {
    const source = 'flow: test\nsteps:\n  - id: a\n    type: htpp\n    after: [x]\n    wih: 1\n'
    const checked = checkFlow(source)
    const found = checked.ok ? [] : checked.problems.map(({ code, line, column }) => `${code} ${line}:${column}`)
    expect(found.sort()).toEqual(['UNKNOWN_BLOCK 4:11', 'UNKNOWN_FIELD 6:5', 'UNKNOWN_STEP 5:13'])
  })

  test('with at most 50 problems', () => {
    expect(problems(flow(Array.from({ length: 80 }, (_, i) => ` - {id: s${i}, type: none}`).join('\n')))).toHaveLength(
      50,
    )
  })

  test('whatever the bytes are', () => {
    for (const source of ['\0', '{', '"', '- - -', '%YAML 9', '&', '? :', Buffer.from([0xff, 0xfe])]) {
      expect(checkFlow(source)).toMatchObject({ ok: false })
    }
  })
})
