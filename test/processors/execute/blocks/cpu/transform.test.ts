import { afterAll, describe, expect, test } from 'vitest'
import { INLINE_EXTENT } from '../../../../../processors/execute/blocks/cpu/cpu-pool.ts'
import { runTransform } from '../../../../../processors/execute/blocks/cpu/transform-run.ts'
import { extentOf, isTextTooDeep, MAX_DEPTH } from '../../../../../processors/execute/extent.ts'
import type { Json } from '../../../../../schemas/json.ts'
import { fc } from '../../../../support/fast-check.ts'
import { contextOf, openBlocks } from '../support.ts'

const set = openBlocks({ cpuThreads: 1 })
afterAll(() => set.close())

const data = { id: 7, name: 'Ada', address: { town: 'London' }, orders: [{ total: 1 }, { total: 2 }] }
const proto = JSON.parse('{"__proto__":{"polluted":1},"a":1}') as Json

describe('transform', () => {
  test.each<[string, Json, Json]>([
    ['nothing', { data }, data],
    ['pick by name', { data, pick: ['name', 'id', 'none', 'constructor'] }, { name: 'Ada', id: 7 }],
    [
      'pick by expression',
      { data, pick: { town: 'address.town', sum: 'sum(orders[].total)', none: 'none', odd: 'constructor' } },
      { town: 'London', sum: 3, none: null, odd: null },
    ],
    ['rename', { data: { a: 1, b: 2, c: 3 }, rename: { a: 'b', c: 'd', x: 'y' } }, { b: 1, d: 3 }],
    ['swap', { data: { a: 1, b: 2 }, rename: { a: 'b', b: 'a' } }, { b: 1, a: 2 }],
    ['merge', { data: { a: 1 }, merge: [{ b: 2 }, { a: 3 }] }, { a: 3, b: 2 }],
    [
      'template',
      { data, template: { text: 'Dear ${name} of ${address.town}', n: '${length(orders)}', all: '${@}', plain: [1] } },
      { text: 'Dear Ada of London', n: 2, all: data, plain: [1] },
    ],
    ['template of a list', { data: [1, 2], template: '${[0]}' }, 1],
    [
      'all of them, for each',
      { data: [data], each: true, pick: ['id'], rename: { id: 'key' }, merge: { x: 1 }, template: '${key}-${x}' },
      ['7-1'],
    ],
    ['a member __proto__', { data: proto, pick: ['__proto__'], rename: { a: 'b' }, merge: proto as never }, proto],
    ['what looks like an expression in data', { data: { a: '${b}' }, template: '${a}' }, '${b}'],
  ])('%s', async (_what, input, expected) => {
    const block = set.blocks.find(({ type }) => type === 'transform')!
    const output = await block.run(contextOf(), input)
    expect(JSON.stringify(output)).toBe(JSON.stringify(expected))
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  test.each<[Json, string, string]>([
    [{ data: 1, pick: ['a'] }, 'TRANSFORM_FAILED', "'pick' takes an object; found a number"],
    [{ data: [{}], rename: { a: 'b' } }, 'TRANSFORM_FAILED', 'each: true'],
    [{ data: { rows: [] }, each: true }, 'TRANSFORM_FAILED', "'data' is an object with rows; expected a list"],
    [{ data: {}, pick: { a: 'b[' } }, 'TRANSFORM_INVALID', 'pick.a'],
    [{ data: {}, pick: { a: 'abs(@)' } }, 'TRANSFORM_FAILED', 'pick.a'],
    [{ data: {}, template: { x: ['${a'] } }, 'TRANSFORM_INVALID', 'template.x[0]'],
    [{ data: {}, template: 'x ${a}' }, 'TRANSFORM_FAILED', "'a' has no value"],
    [{ data: {}, template: { x: proto } }, 'TRANSFORM_INVALID', '__proto__'],
    [{ data: {}, template: '${constructor.constructor}' }, '', ''],
  ])('%j: %s', async (input, code, message) => {
    const block = set.blocks.find(({ type }) => type === 'transform')!
    const running = Promise.resolve().then(() => block.run(contextOf(), input))
    if (code === '') expect(await running).toBeNull()
    else await expect(running).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
  })

  test('large data is reshaped alike, in a thread', async () => {
    const block = set.blocks.find(({ type }) => type === 'transform')!
    const large = { data: Array.from({ length: INLINE_EXTENT }, (_, id) => ({ id, x: 1 })), each: true, pick: ['id'] }
    expect(await block.run(contextOf(), large)).toEqual(runTransform(large))
  })

  test('what is nested too deeply is refused', () => {
    const block = set.blocks.find(({ type }) => type === 'transform')!
    const deep = JSON.parse(`${'['.repeat(100_000)}1${']'.repeat(100_000)}`) as Json
    expect(() => block.run(contextOf(), { data: deep })).toThrow(expect.objectContaining({ code: 'TRANSFORM_FAILED' }))
  })
})

describe('extent', () => {
  test.each<[Json, number]>([
    [null, 1],
    ['abc', 4],
    [[1, [2]], 4],
    [{ ab: 1, c: 'd' }, 7],
  ])('%j has %i', (value, expected) => {
    expect(extentOf(value)).toBe(expected)
  })

  const nestedText = (depth: number): string => `${'{"\\\\\\"[":['.repeat(depth / 2)}1${']}'.repeat(depth / 2)}`

  test('finds what is too deep, as a value and as a text', () => {
    for (const [depth, isTooDeep] of [
      [MAX_DEPTH, false],
      [MAX_DEPTH + 2, true],
    ] as const) {
      expect(isTextTooDeep(nestedText(depth))).toBe(isTooDeep)
      expect(extentOf(JSON.parse(nestedText(depth)) as Json) === Number.POSITIVE_INFINITY).toBe(isTooDeep)
    }
  })

  test('brackets within texts are no depth', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.string(), (value, text) => {
        expect(isTextTooDeep(JSON.stringify([value, text.repeat(50), '[{'.repeat(MAX_DEPTH), `${text}\\"`]))).toBe(
          false,
        )
      }),
    )
  })
})
