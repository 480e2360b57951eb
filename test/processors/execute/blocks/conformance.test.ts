/** What every block must do. */
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Block, BlockError, COMMON_ERRORS } from '../../../../processors/execute/block.ts'
import { blockTable } from '../../../../processors/execute/block-table.ts'
import { formsOf } from '../../../../processors/execute/blocks/secrets/redact.ts'
import { BLOCK_TYPES } from '../../../../schemas/flow/block-types.ts'
import type { Json } from '../../../../schemas/json.ts'
import { contextOf, openBlocks } from './support.ts'

const CANARY = 'cañary/of:the?mine+42'
/** What the older workers had: they know no field that is wrong. */
const OLDER = ['worker.http', 'http.request', 'sql.query', 'fs.blob_get', 'fs.blob_put']
/** Blocks whose example needs somebody to answer, or whose answer is never the same. */
const OUTSIDE = [
  'http',
  'worker.http',
  'http.request',
  'graphql',
  'webhook',
  'llm',
  'redis',
  'email',
  'kafka.produce',
  'sql',
  'fs.blob_put',
]
/** What a block that is not pure might be tempted by. */
const TEMPTING: { readonly [type: string]: readonly Json[] } = {
  javascript: [
    { code: '[Math.random(), Date.now(), new Date(), String(new Date(2020, 6, 1)), new Error().stack]' },
    { code: 'await null; [typeof performance, typeof process, Math.random()]' },
  ],
}
const folder = mkdtempSync(join(tmpdir(), 'beamline-blocks-'))
/** Takes connections and never answers. */
const silent = createServer((socket) => void socket.on('error', () => undefined))
/** Known before there is a block that dials it. */
const silentPort = await new Promise<number>((resolve) => {
  silent.listen(0, '127.0.0.1', () => resolve((silent.address() as AddressInfo).port))
})
const silentHost = `127.0.0.1:${silentPort}`
const set = openBlocks({
  cpuThreads: 1,
  secrets: { values: { canary: CANARY } },
  files: { folder },
  connections: {
    redis: { kind: 'redis', url: `redis://user:password@${silentHost}` },
    smtp: { kind: 'smtp', url: `smtp://user:password@${silentHost}`, from: 'a@example.org' },
    llm: { kind: 'llm', url: `http://${silentHost}/v1`, key: 'key-of-the-llm', model: 'small' },
    nobody: { kind: 'llm', url: 'http://127.0.0.1:1/v1', model: 'small' },
    closed: { kind: 'smtp', url: 'smtp://127.0.0.1:1', from: 'a@example.org' },
    inside: { kind: 'redis', url: 'redis://10.0.0.1' },
  },
  kafka: { produce: () => new Promise(() => undefined) },
  scripts: { trusted: true },
})
const unhandled: unknown[] = []
const onUnhandled = (reason: unknown): void => void unhandled.push(reason)

beforeAll(async () => {
  process.on('unhandledRejection', onUnhandled)
})
afterAll(async () => {
  silent.close()
  await set.close()
  rmSync(folder, { recursive: true })
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
    case 'javascript':
      return { code: 'for (;;);' }
    case 'javascript.trusted':
      return { code: 'for (;;);' }
    case 'transform':
      return { data: ['x'.repeat(4_000_000)], pick: { x: ENDLESS } }
    case 'kernel':
      return { kernel: 'monte-carlo', formula: 'Math.tan(x)', variables: { x: 'normal' }, samples: 1_000_000_000 }
    case 'jmespath':
      return { expression: ENDLESS, data: ['x'.repeat(4_000_000)] }
    case 'http':
    case 'worker.http':
      return { url: silentUrl() }
    case 'http.request':
      return { url: silentUrl(), method: 'GET' }
    case 'graphql':
      return { url: silentUrl(), query: '{a}' }
    case 'webhook':
      return { url: silentUrl(), secret: 'a key of more than 16 bytes' }
    case 'llm':
      return { prompt: 'x' }
    case 'redis':
      return { op: 'get', key: 'x' }
    case 'email':
      return { to: 'b@example.org', subject: 'x' }
    case 'kafka.produce':
      return { topic: 'x' }
    case 'sql':
      return { connection: `postgres://user:password@${silentHost}/x`, query: 'select 1' }
    case 'sql.query':
      return { query: 'with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c' }
    default:
      return undefined
  }
}

/** Takes minutes on a long text. */
const ENDLESS = `[${Array(500).fill('length(to_string(@))').join(',')}]`

function silentUrl(): string {
  return `http://${silentHost}/`
}

const badPaths = ['../x', '/etc/passwd', 'a/../../x', 'a\0b', 'x'.repeat(300), 'folder/', '.']

const badRequests: readonly Json[] = [
  {},
  { url: '' },
  { url: 'ftp://x' },
  { url: 'x' },
  { url: 'http://10.0.0.1/' },
  { url: 'http://127.0.0.1:1/', method: 'BREW' },
  { url: 'http://127.0.0.1:1/', headers: { 'a b': 'c' } },
]

/** Inputs that the schema lets through and the block cannot work with. */
const hopelessInputs: { readonly [type: string]: readonly Json[] } = {
  echo: [],
  sleep: [],
  fail: [null, { code: 'ANYTHING' }],
  http: [...badRequests, { url: 'http://127.0.0.1:1/' }, { url: 'http://127.0.0.1:1/', bytes: '?' }],
  'worker.http': badRequests,
  'http.request': [
    {},
    { url: 'http://127.0.0.1:1/' },
    { url: 'http://127.0.0.1:1/', method: 'GET' },
    { url: 'http://127.0.0.1:1/', method: 'GET', headers: '{' },
    { url: 'http://10.0.0.1/', method: 'GET' },
  ],
  graphql: [{}, { url: 'http://127.0.0.1:1/' }, { query: '{a}' }, { url: 'http://10.0.0.1/', query: '{a}' }],
  webhook: [
    ...badRequests.filter((one) => !('method' in (one as object))),
    { url: 'http://127.0.0.1:1/', secret: 'short' },
  ],
  llm: [{}, { connection: 'nope', prompt: 'x' }, { connection: 'nobody', prompt: 'x' }, { op: 'embeddings' }],
  redis: [{ op: 'get' }, { op: 'get', key: 'x', connection: 'nope' }, { op: 'publish', key: 'x' }],
  email: [
    { to: 'b@example.org', subject: 'x', connection: 'nope' },
    { to: 'b@example.org', subject: 'x', connection: 'closed' },
  ],
  'kafka.produce': [{ topic: 'x', bytes: '?' }],
  sql: [
    {},
    { connection: 'nope', query: 'select 1' },
    { connection: 'postgres://127.0.0.1:1/x' },
    { connection: 'postgres://10.0.0.1/x', query: 'select 1' },
    { connection: 'postgres://127.0.0.1:1/x', query: 'select 1' },
    { connection: 'postgres://127.0.0.1:1/x?host=/var/run', query: 'select 1' },
    { connection: 'postgres://127.0.0.1:1/x', query: 'select 1; select 2' },
    { connection: 'postgres://127.0.0.1:1/x', query: "copy x to program 'id'", write: true },
    { connection: 'sqlite:none.db', query: 'select 1' },
    { connection: 'sqlite:../x.db', query: 'select 1' },
    { connection: 'sqlite::memory:', query: 'select nothing' },
  ],
  'sql.query': [
    {},
    { query: 'select nothing' },
    { query: 'select 1', connection: '../x' },
    { query: 'select ?', params: '{' },
  ],
  'fs.get': [{}, { path: 'none' }, ...badPaths.map((path) => ({ path }))],
  fs_blob_get: [{}, { path: 'none' }, ...badPaths.map((path) => ({ path }))],
  'fs.blob_get': [{}, { path: 'none' }, ...badPaths.map((path) => ({ path }))],
  'fs.put': [{}, { path: 'x' }, { path: 'x', bytes: '?' }, ...badPaths.map((path) => ({ path, content: 'x' }))],
  fs_blob_put: [{}, { path: 'x' }, { path: 'x', bytes: '?' }, ...badPaths.map((path) => ({ path, content: 'x' }))],
  'fs.blob_put': [{}, { path: 'x' }, ...badPaths.map((path) => ({ path, content: 'x' }))],
  jmespath: [
    {},
    { expression: '' },
    { expression: 'a[' },
    { expression: 'abs(@)', data: 'x' },
    { expression: 'nope(@)' },
  ],
  javascript: [
    {},
    { code: ' ' },
    { code: 'a b' },
    { code: 'throw 1' },
    { code: 'f()' },
    { code: '1n' },
    { code: 'new Promise(() => {})' },
    { code: '(function f() { f() })()' },
    { code: '"x".repeat(1e9)' },
    { code: '"x".repeat(2e6)' },
    { code: '1', args: { undefined: 1 } },
    { code: 'for (;;);', timeout_ms: 20 },
  ],
  'javascript.trusted': [{}, { code: 'a b' }, { code: 'throw 1' }, { code: 'for (;;);', timeout_ms: 20 }],
  transform: [
    { data: 1, pick: ['a'] },
    { data: [], rename: { a: 'b' } },
    { data: null, merge: {} },
    { data: {}, each: true },
    { data: {}, pick: { a: '[' } },
    { data: {}, pick: { a: 'abs(@)' } },
    { data: {}, template: '${a' },
    { data: {}, template: 'x ${a}' },
    { data: {}, template: JSON.parse('{"__proto__":1}') as Json },
  ],
  kernel: [
    { kernel: 'x', query: [], matrix: [], k: 1 },
    { kernel: 'cosine-top-k', query: [], matrix: [], k: 1 },
    { kernel: 'cosine-top-k', query: [1], matrix: [['a']], k: 1 },
    { kernel: 'cosine-top-k', query: [{}], matrix: [[1]], k: 1 },
    { kernel: 'map' },
    { kernel: 'map', formula: 'x.constructor', inputs: { x: [1] } },
    { kernel: 'custom', source: 'function () { return process; }', inputs: {}, size: [1] },
    { kernel: 'matmul', a: [[1]], b: [[1], [2]] },
  ],
}

async function run(block: Block, input: Json, signal = new AbortController().signal): Promise<Json> {
  return await block.run(contextOf({ signal }), input)
}

test('the flow language and the executors know the same blocks', () => {
  const plain = (types: readonly { type: string; pool: string; secrets: boolean }[]) =>
    types.toSorted((a, b) => a.type.localeCompare(b.type))
  const known = BLOCK_TYPES.map(({ type, pool, secrets }) => ({ type, pool, secrets: secrets === true }))
  const found = set.blocks.map(({ type, pool, takesSecrets }) => ({ type, pool, secrets: takesSecrets === true }))
  expect(plain(found)).toEqual(plain(known))
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

  test('its examples match its schema', () => {
    for (const input of [block.example, ...(block.examples ?? []).map((example) => example.input)]) {
      expect(prepared.check(input)).toBeNull()
    }
  })

  test('its schema is strict about what it does not know', () => {
    const refused = [5, 'text', { no_such_field: 1 }].filter((input) => prepared.check(input) !== null)
    expect(refused).toHaveLength(type === 'echo' ? 0 : OLDER.includes(type) ? 2 : 3)
  })

  test('reports declared codes only', async () => {
    for (const input of hopelessInputs[type]!) {
      expect(prepared.check(input), JSON.stringify(input)).toBeNull()
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
    const before = OUTSIDE.includes(type) ? null : await run(block, block.example).catch(() => null)
    const input = longInput(type)
    for (const delayMs of [0, 20]) {
      // The least of some tries is the block's own time; the rest of a longer one is the machine's.
      let least = Number.POSITIVE_INFINITY
      for (let tries = 0; tries < 50 && least >= 100; tries++) {
        const { how, ms } = await aborted(block, input ?? block.example, delayMs)
        if (input !== undefined) expect(how).toBe('ended')
        least = Math.min(least, ms)
      }
      expect(least).toBeLessThan(100)
    }
    if (!OUTSIDE.includes(type)) expect(await run(block, block.example).catch(() => null)).toEqual(before)
  })
})

/** Aborts a run after a while. Answers how it ended, and after how many milliseconds from the abort. */
async function aborted(block: Block, input: Json, delayMs: number): Promise<{ how: string; ms: number }> {
  const controller = new AbortController()
  const running = run(block, input, controller.signal).then(
    () => 'returned',
    () => 'ended',
  )
  await new Promise((resolve) => setTimeout(resolve, delayMs))
  const abortedAt = performance.now()
  controller.abort()
  const how = await running
  return { how, ms: performance.now() - abortedAt }
}

describe.each(set.blocks.filter((block) => block.takesSecrets === true).map((block) => [block.type, block] as const))(
  '%s',
  (type, block) => {
    test('repeats no secret, whatever goes wrong', async () => {
      const inputs = [block.example, longInput(type) ?? null, ...hopelessInputs[type]!].flatMap(withCanary)
      expect(inputs.length).toBeGreaterThan(0)
      const forms = [...formsOf(CANARY)]
      const all = inputs.map(async (input): Promise<string> => {
        const heard: Json[] = []
        const context = {
          signal: AbortSignal.timeout(50),
          progress: (value: Json) => void heard.push(value),
          log: ({ message }: { message: string }) => void heard.push(message),
        }
        const running = (async () => block.run(contextOf(context), input))()
        const said = await running.catch((error: unknown) => told(error))
        return JSON.stringify([said, heard])
      })
      const text = (await Promise.all(all)).join()
      expect(forms.filter((form) => text.includes(form))).toEqual([])
    })
  },
)

/** The input with the secret in the place of each of its texts, one at a time, alone and inside a longer text. */
function withCanary(input: Json): Json[] {
  if (typeof input === 'string') return ['secret://canary', `x secret://canary`, `${input}secret://canary`]
  if (typeof input !== 'object' || input === null) return []
  return Object.entries(input).flatMap(([name, member]) => {
    return withCanary(member).map((changed): Json => {
      return Array.isArray(input) ? input.with(Number(name), changed) : { ...input, [name]: changed }
    })
  })
}

/** Everything of an error that may be seen by somebody. */
function told(error: unknown): Json {
  if (!(error instanceof Error)) return String(error)
  const { message, stack = '', cause } = error
  const detail = error instanceof BlockError ? error.detail : null
  return [message, stack, detail, cause === undefined ? null : told(cause)]
}

describe.each(set.blocks.filter((block) => block.pure === true).map((block) => [block.type, block] as const))(
  '%s is pure',
  (type, block) => {
    test('the same context and input have the same output', async () => {
      const inputs = [block.example, ...(block.examples ?? []).map(({ input }) => input), ...(TEMPTING[type] ?? [])]
      for (const input of inputs) {
        const context = contextOf({ assignedAtMs: 1_700_000_000_000 })
        const first = await block.run(context, input)
        await new Promise((resolve) => setTimeout(resolve, 5))
        expect(await block.run(context, input)).toEqual(first)
      }
    })
  },
)

test('an aborted signal ends a step before it begins', async () => {
  const aborted = AbortSignal.abort(new Error('too late'))
  for (const block of set.blocks.filter(({ type }) => longInput(type) !== undefined)) {
    await expect(run(block, longInput(block.type)!, aborted)).rejects.toThrow('too late')
  }
})
