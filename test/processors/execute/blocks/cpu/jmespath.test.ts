import { afterAll, describe, expect, test } from 'vitest'
import { INLINE_EXTENT } from '../../../../../processors/execute/blocks/cpu/cpu-pool.ts'
import { searchOf } from '../../../../../processors/execute/blocks/cpu/jmespath-search.ts'
import type { Json } from '../../../../../schemas/json.ts'
import { contextOf, openBlocks } from '../support.ts'

const set = openBlocks({ cpuThreads: 1 })
afterAll(() => set.close())

const block = set.blocks.find(({ type }) => type === 'jmespath')!
const search = async (expression: string, data: Json): Promise<Json> =>
  await block.run(contextOf(), { expression, data })

describe('where an expression runs', () => {
  test.each([
    ['a.b', true],
    ['[*].{a: a, b: b}', true],
    [`[${Array(40).fill('@').join(',')}]`, false],
    [Array(70).fill('a').join('.'), false],
    [`'${'x'.repeat(5_000)}'`, false],
  ])('%s: bounded %s', (expression, isBounded) => {
    expect(searchOf(expression).isBounded).toBe(isBounded)
  })

  test('small and large data, bounded or not, give the same', async () => {
    const numbers = Array.from({ length: INLINE_EXTENT }, (_, i) => 1000 - i)
    const sorted = numbers.toSorted((a, b) => a - b)
    expect(await search('sort(@)', numbers.slice(0, 10))).toEqual(sorted.slice(-10))
    expect(await search('sort(@)', numbers)).toEqual(sorted)
    expect(await search(`[sort(@)${',`1`'.repeat(70)}][0]`, [10, 9])).toEqual([9, 10])
  })

  test.each<[Json, string]>([
    [{ expression: 'nope(@)' }, 'JMESPATH_RUNTIME_ERROR'],
    [{ expression: 'abs(@, @)' }, 'JMESPATH_RUNTIME_ERROR'],
    [{ expression: 'a ||' }, 'JMESPATH_COMPILE_ERROR'],
    [{ expression: `'${'x'.repeat(70_000)}'` }, 'JMESPATH_COMPILE_ERROR'],
    [{ expression: `${'('.repeat(60_000)}` }, 'JMESPATH_COMPILE_ERROR'],
    [{ expression: Array(5_000).fill('a').join('|') }, 'JMESPATH_COMPILE_ERROR'],
  ])('%.60j: %s', (input, code) => {
    expect(() => block.run(contextOf(), input)).toThrow(expect.objectContaining({ code }))
  })

  test('data that is nested too deeply, and an output that is too large', async () => {
    const deep = JSON.parse(`${'['.repeat(100_000)}1${']'.repeat(100_000)}`) as Json
    await expect(search('@', deep)).rejects.toMatchObject({ code: 'JMESPATH_RUNTIME_ERROR' })
    const many = `[${Array(100).fill('@').join(',')}]`
    await expect(search(many, ['x'.repeat(100_000)])).rejects.toMatchObject({ code: 'OUTPUT_TOO_LARGE' })
  })

  test('only members of the data exist', async () => {
    expect(await search('[constructor, __proto__, a.toString, length(@)]', { a: {} })).toEqual([null, null, null, 1])
  })

  test('it has the time that the input gives it', async () => {
    const slow = { expression: `[${Array(500).fill('length(to_string(@))').join(',')}]`, data: ['x'.repeat(4_000_000)] }
    await expect(block.run(contextOf(), { ...slow, timeout_ms: 100 })).rejects.toMatchObject({ code: 'TIMEOUT' })
  })
})
