import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import type { Block, BlockLogLine } from '../../../../../processors/execute/block.ts'
import { blockTable } from '../../../../../processors/execute/block-table.ts'
import type { BuiltInBlocks } from '../../../../../processors/execute/blocks/registry.ts'
import { openBlocks } from '../../../../../processors/execute/blocks/registry.ts'
import { failureOf } from '../../../../../processors/execute/failure.ts'
import type { Json } from '../../../../../schemas/json.ts'
import { contextOf, realTools } from '../support.ts'

const TEMPLATE = fileURLToPath(new URL('../../../../../docs/custom-block/slug.block.ts', import.meta.url))
const folders: string[] = []
const opened: BuiltInBlocks[] = []
afterEach(async () => {
  for (const set of opened.splice(0)) await set.close()
})
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true })
})

async function open(files: { readonly [name: string]: string }, cpuThreads = 2): Promise<readonly Block[]> {
  const folder = mkdtempSync(join(tmpdir(), 'beamline-custom-'))
  folders.push(folder)
  for (const [name, text] of Object.entries(files)) {
    if (text === TEMPLATE) copyFileSync(TEMPLATE, join(folder, name))
    else writeFileSync(join(folder, name), text)
  }
  const set = await openBlocks(realTools, {
    customFolder: folder,
    cpuThreads,
    secrets: { values: { token: 'a-secret-of-16-chars' } },
  })
  opened.push(set)
  return set.blocks.filter(({ type }) => type.startsWith('custom.'))
}

const module = (type: string, run: string, more = ''): string =>
  `export default { type: '${type}', summary: 'Test.', inputSchema: {}, example: {}, ${more} run: ${run} }`

async function only(run: string, more = ''): Promise<Block> {
  const [block] = await open({ 'one.block.mjs': module('custom.one', run, more) })
  return block!
}

describe('the template', () => {
  test('is a block', async () => {
    const [block] = await open({ 'slug.block.ts': TEMPLATE, 'notes.txt': 'no block', 'x.ts': 'no block' })
    const { type, pure, pool } = block!
    expect({ type, pure, pool }).toEqual({ type: 'custom.slug', pure: true, pool: 'cpu' })
    const lines: BlockLogLine[] = []
    const context = contextOf({ log: (line) => void lines.push(line) })
    expect(await block!.run(context, block!.example)).toEqual({ slug: 'creme-brulee-twice' })
    expect(await block!.run(context, { text: 'a b', maxLength: 1 })).toEqual({ slug: 'a' })
    expect(lines).toEqual([{ level: 'warn', message: 'cut from 3 characters' }])
    await expect(block!.run(context, { text: '?!' })).rejects.toMatchObject({ code: 'NOTHING_LEFT' })
  })
})

describe('modules that cannot be used', () => {
  test.each([
    ['syntax error', 'export default {', 'Unexpected'],
    ['nothing exported', 'export const x = 1', 'no default; expected an object'],
    ['no run', "export default { type: 'custom.x' }", "its 'run' is undefined; expected a function"],
    ['throws', "throw new Error('in the module')", 'in the module'],
    ['ends its thread', 'process.exit(3)', 'it ended with code 3'],
    ['a wrong type', module('slug', '() => 1'), '/type is "slug"'],
    ['an unknown field', module('custom.x', '() => 1', 'colour: 1,'), '/colour is not known'],
    [
      'a wrong class',
      module('custom.x', '() => 1', "errors: [{ code: 'A', class: 'bad', meaning: 'x' }],"),
      '/errors/0/class',
    ],
    [
      'a common code',
      module('custom.x', '() => 1', "errors: [{ code: 'TIMEOUT', class: 'permanent', meaning: 'x' }],"),
      "declares 'TIMEOUT'",
    ],
    ['a bad schema', module('custom.x', '() => 1', 'outputSchema: { type: 5 },'), '/outputSchema is no JSON Schema'],
    [
      'a bad example',
      module(
        'custom.x',
        '() => 1',
        "examples: [{ title: 'odd', input: {} }], inputSchema: { type: 'object', required: ['a'], properties: { a: {} } }, example: { a: 1 },",
      ),
      "the example 'odd' does not match",
    ],
    ['missing import', "import './none.mjs'; export default {}", 'none.mjs'],
  ])('%s', async (_what, text, message) => {
    await expect(open({ 'x.block.mjs': text })).rejects.toThrow(
      expect.objectContaining({
        name: 'TypeError',
        message: expect.stringMatching(/^the custom block x\.block\.mjs cannot be used: /),
      }),
    )
    await expect(open({ 'x.block.mjs': text })).rejects.toThrow(message)
  })

  test('two of one type, and no folder', async () => {
    const same = module('custom.same', '() => 1')
    await expect(open({ 'a.block.mjs': same, 'b.block.mjs': same })).rejects.toThrow(
      "b.block.mjs has a block of the type 'custom.same', which a.block.mjs has already",
    )
    await expect(openBlocks(realTools, { customFolder: join(tmpdir(), 'beamline-none') })).rejects.toThrow('ENOENT')
  })
})

describe('a custom block', () => {
  test('is given its context, and secrets in their places', async () => {
    const block = await only(
      '({ signal, log, progress, fail, ...rest }) => ({ ...rest, aborted: signal.aborted, env: Object.keys(process.env) })',
    )
    const context = contextOf({ assignedAtMs: 5 })
    const { tenant, runId, stepId, attempt, key, traceparent } = context
    expect(await block.run(context, { a: 'b' })).toEqual({
      ...{ tenant, runId, stepId, attempt, key, traceparent, assignedAtMs: 5 },
      input: { a: 'b' },
      blobs: {},
      aborted: false,
      env: ['NODE_NO_WARNINGS'],
    })
    const asked = await only("async ({ input }) => ({ length: input.a.length, said: 'it is ' + input.a })")
    expect(await asked.run(context, { a: 'secret://token' })).toEqual({
      length: 20,
      said: expect.not.stringContaining('a-secret'),
    })
  })

  test.each([
    ["({ fail }) => fail('DECLARED', 'x', { a: 1 })", 'DECLARED', 'x'],
    ["() => { throw Object.assign(new Error('x'), { code: 'DECLARED' }) }", 'DECLARED', 'x'],
    [
      "async () => { throw Object.assign(new Error('x'), { code: 'OTHER' }) }",
      'INTERNAL_ERROR',
      "undeclared code 'OTHER'",
    ],
    ["() => { throw new Error('odd') }", 'INTERNAL_ERROR', 'odd'],
    ['() => { throw null }', 'INTERNAL_ERROR', 'null'],
    ['() => 1n', 'INTERNAL_ERROR', 'BigInt'],
    ["() => 'x'.repeat(5e6)", 'OUTPUT_TOO_LARGE', '5000002'],
    ['() => process.exit(1)', 'WORKER_ENDED', 'code 1'],
    ["() => { const a = []; for (;;) a.push(new Array(1e5).fill('x' + a.length)) }", 'WORKER_ENDED', 'memory'],
    ["() => void setTimeout(() => { throw new Error('later') }, 0) ?? new Promise(() => {})", 'WORKER_ENDED', 'later'],
  ])('%s: %s', async (run, code, message) => {
    const block = await only(run, "errors: [{ code: 'DECLARED', class: 'recoverable', meaning: 'x' }],")
    const error = await Promise.resolve(block.run(contextOf(), {})).catch((thrown: unknown) => thrown)
    expect(failureOf(error, blockTable([block]).get('custom.one')!)).toMatchObject({
      code,
      message: expect.stringContaining(message),
    })
  })

  test('ends with its signal, and the next call has a thread', async () => {
    for (const run of [
      '({ input }) => { for (; input.hang;); return 1 }',
      'async ({ input }) => (input.hang ? new Promise(() => {}) : 1)',
    ]) {
      const block = await only(run)
      expect(await block.run(contextOf(), {})).toBe(1)
      // The least of some tries is its own time; the rest of a longer one is the machine's.
      let least = Number.POSITIVE_INFINITY
      for (let tries = 0; tries < 50 && least >= 150; tries++) {
        const began = performance.now()
        const hung = block.run(contextOf({ signal: AbortSignal.timeout(50) }), { hang: true }) as Promise<Json>
        await expect(hung).rejects.toMatchObject({ name: 'TimeoutError' })
        least = Math.min(least, performance.now() - began)
      }
      expect(least).toBeLessThan(150)
      expect(await Promise.all([1, 2, 3].map(() => block.run(contextOf(), {})))).toEqual([1, 1, 1])
    }
  })

  test('has its signal aborted, and progress heard', async () => {
    const run = `({ signal, progress, input }) => new Promise((resolve) => {
      progress({ at: 1 })
      signal.addEventListener('abort', () => progress(2))
      if (!input.wait) resolve(3)
    })`
    const block = await only(run)
    const heard: Json[] = []
    expect(await block.run(contextOf({ progress: (value) => void heard.push(value) }), {})).toBe(3)
    expect(heard).toEqual([{ at: 1 }])
  })

  test('that waits runs many calls in a thread', async () => {
    const run =
      'async ({ input }) => { globalThis.n = (globalThis.n ?? 0) + 1; await new Promise((r) => setTimeout(r, 20)); return globalThis.n }'
    const [block] = await open({ 'w.block.mjs': module('custom.w', run, 'concurrency: 50,') }, 1)
    const seen = await Promise.all(Array.from({ length: 50 }, () => block!.run(contextOf(), {})))
    expect(new Set(seen)).toEqual(new Set([50]))
  })
})
