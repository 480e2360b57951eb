/** What every block must do. */
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Block, BlockError, COMMON_ERRORS } from '../../../../processors/execute/block.ts'
import { blockTable } from '../../../../processors/execute/block-table.ts'
import { BLOCK_TYPES } from '../../../../schemas/flow/block-types.ts'
import type { Json } from '../../../../schemas/json.ts'
import { contextOf, openBlocks } from './support.ts'

const set = openBlocks({ cpuThreads: 1 })
/** Takes requests and never answers. */
const silent = createServer()
const unhandled: unknown[] = []
const onUnhandled = (reason: unknown): void => void unhandled.push(reason)

beforeAll(async () => {
  process.on('unhandledRejection', onUnhandled)
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  silent.close()
  await set.close()
  process.off('unhandledRejection', onUnhandled)
  expect(unhandled).toEqual([])
})

/** An input that keeps the block busy for seconds, or as long as any would. */
function longInput(type: string): Json | undefined {
  switch (type) {
    case 'sleep':
      return { ms: 60_000 }
    case 'fail':
      return { afterMs: 60_000 }
    case 'jmespath':
      return { expression: `[${Array(500).fill('length(to_string(@))').join(',')}]`, data: ['x'.repeat(4_000_000)] }
    case 'http':
      return { url: `http://127.0.0.1:${(silent.address() as AddressInfo).port}/` }
    default:
      return undefined
  }
}

/** Inputs that the schema lets through and the block cannot work with. */
const hopelessInputs: { readonly [type: string]: readonly Json[] } = {
  echo: [],
  sleep: [],
  fail: [null, { code: 'ANYTHING' }],
  http: [
    {},
    { url: '' },
    { url: 'ftp://x' },
    { url: 'x' },
    { url: 'http://127.0.0.1:1/', method: 'BREW' },
    { url: 'http://127.0.0.1:1/' },
  ],
  jmespath: [
    {},
    { expression: '' },
    { expression: 'a[' },
    { expression: 'abs(@)', data: 'x' },
    { expression: 'nope(@)' },
  ],
  kernel: [
    { kernel: 'x', query: [], matrix: [], k: 1 },
    { kernel: 'cosine-top-k', query: [], matrix: [], k: 1 },
    { kernel: 'cosine-top-k', query: [1], matrix: [['a']], k: 1 },
    { kernel: 'cosine-top-k', query: [{}], matrix: [[1]], k: 1 },
  ],
}

async function run(block: Block, input: Json, signal = new AbortController().signal): Promise<Json> {
  return await block.run(contextOf({ signal }), input)
}

test('the flow language and the executors know the same blocks', () => {
  expect(set.blocks.map(({ type, pool }) => ({ type, pool }))).toEqual(BLOCK_TYPES)
})

describe.each(set.blocks.map((block) => [block.type, block] as const))('%s', (type, block) => {
  const prepared = blockTable([block]).get(type)!

  test('declares itself', () => {
    expect(block.summary).toMatch(/\.$/)
    const codes = block.errors.map((error) => error.code)
    expect(new Set(codes).size).toBe(codes.length)
    const common = new Set(COMMON_ERRORS.map((error) => error.code))
    for (const code of codes) {
      expect(code).toMatch(/^[A-Z][A-Z0-9_]*$/)
      expect(common.has(code)).toBe(false)
    }
  })

  test('its example matches its schema', () => {
    expect(prepared.check(block.example)).toBeNull()
  })

  test('its schema is strict about what it does not know', () => {
    const refused = [5, 'text', { no_such_field: 1 }].filter((input) => prepared.check(input) !== null)
    expect(refused).toHaveLength(type === 'echo' ? 0 : 3)
  })

  test('reports declared codes only', async () => {
    for (const input of hopelessInputs[type]!) {
      expect(prepared.check(input)).toBeNull()
      const error = await run(block, input).then(
        (output) => `returned ${JSON.stringify(output)}`,
        (thrown: unknown) => thrown,
      )
      expect(error).toBeInstanceOf(BlockError)
      const { code } = error as BlockError
      expect(prepared.classes.has(code) || block.anyCode === true, code).toBe(true)
    }
  })

  test('ends within 100 ms of an abort, and works again afterwards', async () => {
    const before = type === 'http' ? null : await run(block, block.example).catch(() => null)
    const input = longInput(type)
    for (const delayMs of [0, 20]) {
      const controller = new AbortController()
      const running = run(block, input ?? block.example, controller.signal).then(
        () => 'returned',
        () => 'ended',
      )
      await new Promise((resolve) => setTimeout(resolve, delayMs))
      const abortedAt = performance.now()
      controller.abort()
      const how = await running
      expect(performance.now() - abortedAt).toBeLessThan(100)
      if (input !== undefined) expect(how).toBe('ended')
    }
    if (type !== 'http') expect(await run(block, block.example).catch(() => null)).toEqual(before)
  })
})

test('an aborted signal ends a step before it begins', async () => {
  const aborted = AbortSignal.abort(new Error('too late'))
  for (const block of set.blocks.filter(({ type }) => longInput(type) !== undefined)) {
    await expect(run(block, longInput(block.type)!, aborted)).rejects.toThrow('too late')
  }
})
