/** What is told of a step's input when its flow is published. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, describe, expect, it, test } from 'vitest'
import { type Block, BlockError } from '../../../../processors/execute/block.ts'
import { stepNeeds } from '../../../../processors/execute/blocks/step-needs.ts'
import { stepTypes } from '../../../../processors/execute/blocks/step-types.ts'
import { inputCheck } from '../../../../processors/execute/input-check.ts'
import { BLOCK_TYPES } from '../../../../schemas/flow/block-types.ts'
import { checkFlow, compileStored } from '../../../../schemas/flow/compile.ts'
import { type Json, toJsonText } from '../../../../schemas/json.ts'
import { fc } from '../../../support/fast-check.ts'
import { contextOf, openBlocks } from './support.ts'

const set = openBlocks({ cpuThreads: 1, scripts: { trusted: true } })
afterAll(() => set.close())

const custom: Block = {
  type: 'custom.slug',
  version: 1,
  pool: 'cpu',
  summary: 'Makes a slug.',
  inputSchema: {
    type: 'object',
    properties: { text: { type: 'string', minLength: 1 }, options: { $ref: '#/$defs/options' } },
    required: ['text'],
    additionalProperties: false,
    $defs: { options: { type: 'object', properties: { length: { type: 'integer', minimum: 1 } } } },
  },
  errors: [],
  example: { text: 'A title' },
  run: () => null,
}
const blocks = [...set.blocks, custom]
const types = stepTypes(blocks)

function problemsOf(step: { readonly [field: string]: Json }, known = types): readonly string[] {
  const checked = checkFlow(JSON.stringify({ flow: 'test', steps: [{ id: 'a', ...step }] }), known)
  return checked.ok ? [] : checked.problems.map(({ code, path, message }) => `${code} ${path}: ${message}`)
}

describe('a step', () => {
  test.each<[string, Json, readonly string[]]>([
    ['http', { urll: 'http://x' }, ["UNKNOWN_FIELD steps[0].with.urll: unknown field 'urll'; did you mean 'url'?"]],
    ['http', {}, ["MISSING_FIELD steps[0].with: 'url' is missing; expected a text"]],
    ['http', null, ["MISSING_FIELD steps[0].with: 'url' is missing; expected a text"]],
    [
      'http',
      { url: 'http://x', redirects: 'many', as: 'jsn', headers: { a: [1] } },
      [
        "INVALID_FIELD steps[0].with.redirects: found 'many'; expected a whole number from 0 to 20",
        "INVALID_FIELD steps[0].with.as: found 'jsn'; expected auto, json, text, bytes, blob; did you mean 'json'?",
        'INVALID_FIELD steps[0].with.headers.a: found a list of 1; expected a text, a number, or true or false',
      ],
    ],
    // a template that is all there is may become anything, one in a text is a text
    ['http', '${input}', []],
    ['http', { url: 'http://${input.host}', redirects: '${input.n}', headers: '${input.h}', as: '${input.as}' }, []],
    ['http', { url: 'http://x', as: '${input.as}n', expect: ['${input.a}xx', '${input.b}'] }, []],
    [
      'http',
      { url: 'http://x', redirects: '${input.n}0', headers: 'a ${input.h}' },
      [
        "INVALID_FIELD steps[0].with.redirects: found a text, '${input.n}0'; expected a whole number from 0 to 20; only a value that is nothing but one ${...} keeps its type",
        "INVALID_FIELD steps[0].with.headers: found a text, 'a ${input.h}'; expected an object; only a value that is nothing but one ${...} keeps its type",
      ],
    ],
    [
      'http',
      { url: '${input.url}', nope: '${input}' },
      ["UNKNOWN_FIELD steps[0].with.nope: unknown field 'nope'; exp"],
    ],
    // $${ is text
    [
      'sleep',
      { ms: '$${input}' },
      ["INVALID_FIELD steps[0].with.ms: found '${input}'; expected a number from 0 to 86400000"],
    ],
    ['sleep', { ms: -1 }, ['INVALID_FIELD steps[0].with.ms: found -1; expected a number from 0 to 86400000']],
    ['sleep', null, []],
    ['fail', { code: 'low' }, ["INVALID_FIELD steps[0].with.code: found 'low'; expected a text that matches ^[A-Z]"]],
    ['fail', { code: '${input.code}', output: '${input}' }, []],
    ['fail', { code: 'low-${input.code}' }, []],
    ['echo', { any: ['thing'] }, []],
    ['echo', undefined as never, []],
    [
      'http',
      { url: 'http://x', multipart: [{ value: 'a' }, { name: '${input.n}', nam: 'x' }, '${input.part}'] },
      [
        "MISSING_FIELD steps[0].with.multipart[0]: 'name' is missing; expected a text",
        "UNKNOWN_FIELD steps[0].with.multipart[1].nam: unknown field 'nam'; did you mean 'name'?",
      ],
    ],
    [
      'transform',
      { data: '${input}', pick: ['a', 2] },
      ['INVALID_FIELD steps[0].with.pick[1]: found 2; expected a text'],
    ],
    ['transform', { data: 1, merge: 4 }, ['INVALID_FIELD steps[0].with.merge: found 4; expected an object or a list']],
    ['sql', { query: 'select 1' }, ["MISSING_FIELD steps[0].with: 'connection' or 'connection_string' is missing"]],
    ['llm', { op: 'embeddings', prompt: 'x' }, ["MISSING_FIELD steps[0].with: 'input' is missing"]],
    ['llm', { op: '${input.op}', prompt: 'x' }, []],
    ['redis', { op: '${input.op}' }, ["MISSING_FIELD steps[0].with: 'channel' or 'key' is missing"]],
    ['kernel', { kernel: 'reduc' }, ["INVALID_FIELD steps[0].with.kernel: found 'reduc'; expected map, reduce,"]],
    [
      'kernel',
      { kernel: 'reduce', op: 'sum', bins: 4, values: '${input.v}' },
      ["UNKNOWN_FIELD steps[0].with.bins: unknown field 'bins'; expected one of kernel, values, op, by, encoding"],
    ],
    ['kernel', { kernel: '${input.kernel}', bins: 4 }, []],
    ['webhook', { url: 'http://x', secret: 'secret://hook-key' }, []],
    [
      'custom.slug',
      { text: '' },
      ["INVALID_FIELD steps[0].with.text: found ''; expected a text of at least 1 character"],
    ],
    [
      'custom.slug',
      { text: '${input.t}', options: { length: 0 } },
      ['INVALID_FIELD steps[0].with.options.length: found 0'],
    ],
    // what another process may have
    ['custom.other', { text: 1 }, []],
  ])('%s %j', (type, input, expected) => {
    const found = problemsOf(input === undefined ? { type } : { type, with: input })
    expect(found.map((problem, index) => problem.slice(0, expected[index]?.length))).toEqual(expected)
  })

  it('says no more of one step than can be read', () => {
    const wrong = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`f${index}`, 1]))
    expect(problemsOf({ type: 'http', with: { url: 'x', ...wrong } })).toHaveLength(8)
  })

  it('of the older form is left to its block', () => {
    expect(problemsOf({ type: 'http', inputs: { urll: 'http://x' } })).toEqual([])
  })

  it('for a worker outside is left to that', () => {
    const of = (fields: { readonly [field: string]: Json }) =>
      problemsOf({ type: 'http', with: { urll: 'http://x' }, ...fields }).filter((one) => one.includes('urll'))
    expect(of({})).toHaveLength(1)
    expect(of({ pool: 'external' })).toEqual([])
    expect(of({ resources: { class: 'external' } })).toEqual([])
  })

  it('of a flow that is stored already is not looked at', () => {
    const flow = { flow: 'test', steps: [{ id: 'a', type: 'http', with: { urll: 'http://x' } }] }
    expect(compileStored('test', toJsonText(flow), types).steps).toHaveLength(1)
  })

  it('is not checked where nothing is known of the blocks', () => {
    expect(problemsOf({ type: 'http', with: { urll: 'http://x' } }, stepTypes([]))).toEqual([])
    expect(stepTypes(set.blocks).map(({ type }) => type)).toEqual(BLOCK_TYPES.map(({ type }) => type))
  })
})

describe.each(blocks.map((block) => ({ block, type: block.type })))('$type', ({ block, type }) => {
  const examples = [block.example, ...(block.examples ?? []).map(({ input }) => input)]
  const literal = (input: Json): Json => JSON.parse(JSON.stringify(input).replaceAll('${', () => '$${')) as Json

  it.each(examples.map((input) => [JSON.stringify(input).slice(0, 60), input] as const))('takes %s', (_, input) => {
    expect(problemsOf({ type, with: literal(input) })).toEqual([])
  })

  it('is published exactly with what it would not refuse for its form', () => {
    const check = inputCheck(block.inputSchema)
    const needs = stepNeeds(type)
    const meetsNeeds = new Ajv2020({ strict: false }).compile(needs ?? {})
    const names = Object.keys((block.inputSchema as { readonly properties?: object }).properties ?? {})
    const values = fc.constantFrom<Json>('x', '', 3, 1.5, -1, true, null, [], [1], ['x'], {}, { a: 'x' }, { name: 'x' })
    const changes = fc.array(fc.tuple(fc.constantFrom(...names, 'zzz'), fc.option(values, { nil: undefined })), {
      maxLength: 3,
    })
    const inputs = fc.oneof(
      values,
      fc.tuple(fc.constantFrom(...examples), changes).map(([example, list]): Json => {
        const changed = { ...(example as { [name: string]: Json }) }
        for (const [name, value] of list) {
          if (value === undefined) delete changed[name]
          else changed[name] = value
        }
        return changed
      }),
    )
    const { checkWith } = types.find((one) => one.type === type)!
    fc.assert(
      fc.property(inputs, (input) => {
        const found: string[] = []
        checkWith!(literal(input), ['with'], { report: (code: string) => found.push(code) } as never)
        expect(found.length === 0).toBe(check(input) === null && meetsNeeds(input))
      }),
    )
  })
})

describe('what blocks need beyond their schemas', () => {
  const inputs: readonly (readonly [string, Json])[] = [
    ['http', {}],
    ['worker.http', {}],
    ['http.request', { url: 'http://x' }],
    ['http.request', { method: 'GET' }],
    ['graphql', { url: 'http://x' }],
    ['graphql', { query: '{a}' }],
    ['webhook', { secret: 'a-key-of-at-least-sixteen-bytes' }],
    ['webhook', { url: 'http://x' }],
    ['sql', { query: 'select 1' }],
    ['sql', { connection: 'sqlite:a.db' }],
    ['sql.query', {}],
    ['fs.get', {}],
    ['fs_blob_get', {}],
    ['fs.put', { path: 'x' }],
    ['fs.put', { content: 'x' }],
    ['fs_blob_put', { path: 'x' }],
    ['fs.blob_get', {}],
    ['fs.blob_put', { path: 'x' }],
    ['fs.blob_put', { content: 'x' }],
    ['jmespath', { data: 1 }],
    ['javascript', {}],
    ['javascript.trusted', {}],
    ['kernel', { kernel: 'reduc', values: [1] }],
    ['kernel', { kernel: 'reduce', op: 'sum' }],
    ['kernel', { kernel: 'softmax', values: [1], bins: 4 }],
  ]

  it.each(inputs)('%s refuses %j', async (type, input) => {
    expect(problemsOf({ type, with: input }).length).toBeGreaterThan(0)
    const block = blocks.find((one) => one.type === type)!
    expect(inputCheck(block.inputSchema)(input)).toBeNull()
    const failure = await (async () => block.run(contextOf(), input))().catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(BlockError)
    const { code, class: own } = failure as BlockError
    expect(own ?? block.errors.find((error) => error.code === code)?.class ?? 'permanent').toBe('permanent')
  })

  it('are those of blocks that there are', () => {
    const types = inputs.map(([type]) => type)
    for (const type of [...types, 'llm', 'redis']) expect(stepNeeds(type), type).toBeDefined()
    const others = blocks.filter(({ type }) => ![...types, 'llm', 'redis'].includes(type))
    expect(others.filter(({ type }) => stepNeeds(type) !== undefined)).toEqual([])
  })
})
