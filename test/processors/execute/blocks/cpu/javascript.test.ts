import { afterAll, describe, expect, test } from 'vitest'
import type { BlockContext, BlockLogLine } from '../../../../../processors/execute/block.ts'
import { blockTable } from '../../../../../processors/execute/block-table.ts'
import { MAX_LINE_CHARS, MAX_LINES } from '../../../../../processors/execute/blocks/cpu/script/script-log.ts'
import type { BuiltInBlocks } from '../../../../../processors/execute/blocks/registry.ts'
import { failureOf } from '../../../../../processors/execute/failure.ts'
import type { Json } from '../../../../../schemas/json.ts'
import { contextOf, openBlocks } from '../support.ts'

const opened: BuiltInBlocks[] = []
const one = open({ cpuThreads: 1 })
afterAll(async () => {
  for (const set of opened) await set.close()
})

function open(options: Parameters<typeof openBlocks>[0]): BuiltInBlocks {
  const set = openBlocks(options)
  opened.push(set)
  return set
}

interface Options {
  readonly set?: BuiltInBlocks
  readonly type?: string
  readonly args?: Json
  readonly timeoutMs?: number
  readonly context?: Partial<BlockContext>
}

async function run(
  code: string,
  { set = one, type = 'javascript', args, timeoutMs, context }: Options = {},
): Promise<Json> {
  const block = set.blocks.find((known) => known.type === type)!
  const input = {
    code,
    ...(args === undefined ? {} : { args }),
    ...(timeoutMs === undefined ? {} : { timeout_ms: timeoutMs }),
  }
  return await block.run(contextOf(context), input)
}

const nested = (depth: number): Json => (depth === 0 ? 1 : [nested(depth - 1)])

describe('what a script gives', () => {
  test.each([
    ['1 + 1', 2],
    ['const a = 1; a + 1', 2],
    ['', undefined],
    ['return { a: [1] }', { a: [1] }],
    ['if (true) { return 1 } return 2 // the end', 1],
    ['const x = await Promise.resolve(4); x', 4],
    ['await null; return 5', 5],
    ['(async () => { await null; return 6 })()', 6],
    ['Promise.resolve(Promise.resolve(7))', 7],
    ['undefined', null],
    ['() => 1', null],
    ['Symbol()', null],
    ['[undefined, NaN, new Date(0), new Map([[1, 2]])]', [null, null, '1970-01-01T00:00:00.000Z', {}]],
    ['({ toJSON() { return 8 } })', 8],
    ['"\\ud800 \\u0000 \\" ü"', '\ud800 \u0000 " ü'],
  ])('%s', async (code, expected) => {
    if (expected === undefined) await expect(run(code)).rejects.toMatchObject({ code: 'MISSING_CODE' })
    else expect(await run(code)).toEqual(expected)
  })

  test('arguments are globals, whatever their names', async () => {
    const args = JSON.parse('{"item":{"id":"a"},"JSON":1,"x-y":2,"__proto__":{"z":3}}') as Json
    expect(await run('[item.id, JSON, globalThis["x-y"], __proto__.z, ({}).z]', { args })).toEqual(['a', 1, 2, 3, null])
    await expect(run('1', { args: { undefined: 1 } })).rejects.toMatchObject({ code: 'SCRIPT_ERROR' })
  })

  test('nothing is left for the next script', async () => {
    await run(
      'globalThis.left = 1; Object.prototype.left = 2; Array.prototype.map = () => 3; JSON.stringify = () => "4"',
    )
    expect(await run('[typeof left, ({}).left, [1].map(String)]')).toEqual(['undefined', null, ['1']])
    expect(({} as { left?: unknown }).left).toBeUndefined()
  })
})

describe('a script is pure', () => {
  const at = { assignedAtMs: 1_700_000_000_123 }

  test('its clock stands still, in UTC', async () => {
    const code =
      '[Date.now(), new Date().toISOString(), new Date(2020, 6, 1).getTime(), new Date(0).getTimezoneOffset(), Date().slice(-8)]'
    const expected = [1_700_000_000_123, '2023-11-14T22:13:20.123Z', Date.UTC(2020, 6, 1), 0, 'GMT+0000']
    expect(await run(code, { context: at })).toEqual(expected)
  })

  test('its random numbers follow from the key of the attempt', async () => {
    const draw = (key: string) => run('[Math.random(), Math.random()]', { context: { ...at, key } })
    const [first, again, other] = [await draw('a/b/c/1'), await draw('a/b/c/1'), await draw('a/b/c/2')]
    expect(again).toEqual(first)
    expect(other).not.toEqual(first)
    const many = await run('Array.from({ length: 1000 }, Math.random)', { context: at })
    expect(new Set(many as number[]).size).toBe(1000)
  })

  test('it has what the language has, and nothing else', async () => {
    const names = [
      'process',
      'require',
      'fetch',
      'setTimeout',
      'performance',
      'crypto',
      'Atomics',
      'WebAssembly',
      'os',
      'std',
      'emit',
      'module',
      'Intl',
    ]
    expect(await run(`[${names.map((name) => `typeof ${name}`)}]`)).toEqual(names.map(() => 'undefined'))
  })
})

describe('console', () => {
  async function logOf(code: string): Promise<BlockLogLine[]> {
    const lines: BlockLogLine[] = []
    await run(code, { context: { log: (line) => void lines.push(line) } }).catch(() => undefined)
    return lines
  }

  test('writes to the log of the step, also of one that fails', async () => {
    expect(
      await logOf(
        'console.log("a", 1, { b: [2] }); console.error(new Error("c")); console.debug(null, undefined); throw 1',
      ),
    ).toEqual([
      { level: 'info', message: 'a 1 {"b":[2]}' },
      { level: 'error', message: 'Error: c' },
      { level: 'debug', message: 'null undefined' },
    ])
  })

  test('is bounded, and takes what cannot be written', async () => {
    const lines = await logOf(`for (let i = 0; i < ${MAX_LINES + 5}; i++) console.log('x'.repeat(5000))`)
    expect(lines).toHaveLength(MAX_LINES + 1)
    expect(lines[0]!.message).toHaveLength(MAX_LINE_CHARS + 1)
    expect(lines.at(-1)).toEqual({ level: 'warn', message: '5 more lines were left out' })
    expect(await logOf('const a = {}; a.a = a; console.log(a, 1n, Symbol("s"), { get x() { throw 1 } })')).toHaveLength(
      1,
    )
  })
})

/** [script, code, and the limit or a part of the message] */
const BAD: readonly (readonly [string, string, string?])[] = [
  ['for (;;);', 'TIMEOUT'],
  ['/^(a+)+$/.test("a".repeat(40) + "b")', 'TIMEOUT'],
  ['a = []; a.length = 2 ** 32 - 1; a.indexOf(1)', 'TIMEOUT'],
  ['Array(2 ** 32 - 1).fill(0)', 'SCRIPT_LIMIT', 'memory'],
  ['try { for (;;); } catch { for (;;); } finally { for (;;); }', 'TIMEOUT'],
  ['(async () => { for (;;) await null })()', 'TIMEOUT'],
  ['const f = () => Promise.resolve().then(f); f()', 'TIMEOUT'],
  ['for await (const x of (async function* () { for (;;) yield 1 })());', 'TIMEOUT'],
  ['new Proxy({}, { ownKeys() { for (;;); } })', 'TIMEOUT'],
  ['({ get a() { for (;;); } })', 'TIMEOUT'],
  ['({ toJSON() { for (;;); } })', 'TIMEOUT'],
  ['throw { get message() { for (;;); } }', 'TIMEOUT'],
  ['(function f() { f() })()', 'SCRIPT_LIMIT', 'stack'],
  ['let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); p.x', 'SCRIPT_LIMIT', 'stack'],
  ['let a = []; for (let i = 0; i < 1e5; i++) a = [a]; a.flat(Infinity)', 'SCRIPT_LIMIT', 'stack'],
  ['JSON.parse("[".repeat(1e6))', 'SCRIPT_LIMIT', 'stack'],
  ['eval("(".repeat(1e5))', 'SCRIPT_LIMIT', 'stack'],
  ['let a = []; for (;;) a.push(new Array(1000).fill(1))', 'SCRIPT_LIMIT', 'memory'],
  ['let m = new Map(); for (let i = 0; ; i++) m.set(i, {})', 'SCRIPT_LIMIT', 'memory'],
  ['let s = "xy"; for (;;) s += s', 'SCRIPT_LIMIT', 'memory'],
  ['let a = []; for (;;) a.push("x".repeat(6e7) + a.length)', 'SCRIPT_LIMIT', 'memory'],
  ['new ArrayBuffer(1e9)', 'SCRIPT_LIMIT', 'memory'],
  ['let a = []; for (let i = 0; i < 600; i++) a = [a]; a', 'SCRIPT_LIMIT', 'depth'],
  ['"x".repeat(2e6)', 'OUTPUT_TOO_LARGE', '2000002 characters'],
  ['new Promise(() => {})', 'SCRIPT_UNSETTLED'],
  ['await new Promise(() => {})', 'SCRIPT_UNSETTLED'],
  ['constructor.constructor("return process")()', 'SCRIPT_ERROR', "'process' is not defined"],
  ['console.log.constructor("return process")()', 'SCRIPT_ERROR', "'process' is not defined"],
  ['(async () => {}).constructor("return process")()', 'SCRIPT_ERROR', "'process' is not defined"],
  ['(function* () {}).constructor("return process")().next()', 'SCRIPT_ERROR', "'process' is not defined"],
  ['[].filter.constructor("return this.process.mainModule.require")()', 'SCRIPT_ERROR', 'undefined'],
  ['import("node:fs")', 'SCRIPT_ERROR', 'node:fs'],
  ['({ get a() { throw new Error("in a getter") } })', 'SCRIPT_ERROR', 'in a getter'],
  ['const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); proxy', 'SCRIPT_ERROR', 'revoked'],
  ['const a = {}; a.a = a; a', 'SCRIPT_ERROR', 'circular'],
  ['1n', 'SCRIPT_ERROR', 'BigInt'],
  ['a b', 'SCRIPT_ERROR', 'SyntaxError'],
  ['throw new TypeError("no")', 'SCRIPT_ERROR', 'TypeError: no'],
  ['throw null', 'SCRIPT_ERROR', 'null'],
  ['throw "x".repeat(1e7)', 'SCRIPT_ERROR', '10000000 characters'],
  ['Promise.reject(new Error("later"))', 'SCRIPT_ERROR', 'later'],
]

describe('bad scripts', () => {
  test.each(BAD.map(([script, code, what = '']) => [script, code, what] as const))(
    '%s: %s',
    async (script, code, what) => {
      const timeoutMs = code === 'TIMEOUT' ? 100 : 20_000
      const error = await run(script, { timeoutMs }).then(
        (output) => ({ code: `returned ${JSON.stringify(output)?.slice(0, 100)}`, message: '', detail: null }),
        (thrown: { code: string; message: string; detail: Json }) => thrown,
      )
      expect(error).toMatchObject({ code })
      expect(`${error.message} ${JSON.stringify(error.detail)}`).toContain(what)
      expect(await run('1 + 1')).toBe(2)
    },
  )

  test('generators, proxies and getters that behave are values', async () => {
    expect(
      await run('[(async function* () {})(), new Proxy({ a: 1 }, { get: () => 7 }), { get b() { return 8 } }]'),
    ).toEqual([{}, { a: 7 }, { b: 8 }])
  })

  test('arguments that are too deep are refused before', async () => {
    await expect(run('1', { args: { a: nested(600) } })).rejects.toMatchObject({ code: 'SCRIPT_ERROR' })
    expect(await run('a.flat(Infinity)', { args: { a: nested(500) } })).toEqual([1])
  })

  test('hundreds of them leave the memory as it was, and other steps their time', async () => {
    const set = open({ cpuThreads: 2, scripts: { memoryMb: 16 } })
    await Promise.all([run('1', { set }), run('1', { set })])
    const round = async (): Promise<void> => {
      const bad = BAD.filter(([script]) => !script.includes('1e5') && !script.includes('2 ** 32'))
      await Promise.all(bad.map(([script]) => run(script, { set, timeoutMs: 40 }).catch(() => undefined)))
    }
    for (let i = 0; i < 3; i++) await round()
    const before = process.memoryUsage.rss()
    for (let i = 0; i < 8; i++) await round()
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 << 20)
    expect(await run('1 + 1', { set })).toBe(2)
  })
})

describe('a script that does not end', () => {
  test('costs the others one worker at most', async () => {
    const set = open({ cpuThreads: 2 })
    await Promise.all([run('1', { set }), run('1', { set })])
    const end = new AbortController()
    const hung = run('for (;;);', { set, timeoutMs: 3_600_000, context: { signal: end.signal } })
    const ended = expect(hung).rejects.toThrow('enough')
    for (let i = 0; i < 20; i++) expect(await run(`${i} + 1`, { set, timeoutMs: 30_000 })).toBe(i + 1)
    end.abort(new Error('enough'))
    await ended
  })

  test('leaves others a worker, however few cores there are', async () => {
    const set = open({})
    const end = new AbortController()
    const hung = run('for (;;);', { set, context: { signal: end.signal } })
    const ended = expect(hung).rejects.toThrow('enough')
    expect(await run('1 + 1', { set, timeoutMs: 30_000 })).toBe(2)
    end.abort(new Error('enough'))
    await ended
  })

  test('is killed in a native call that no interrupt reaches', async () => {
    const set = open({ cpuThreads: 1 })
    await run('1', { set })
    const hung = run('const a = []; a.length = 2 ** 32 - 1; a.indexOf(1)', { set, timeoutMs: 50 })
    const behind = run('2', { set })
    await expect(hung).rejects.toMatchObject({ code: 'TIMEOUT' })
    expect(await behind).toBe(2)
  })

  test('has no more time than the executor allows', async () => {
    const set = open({ cpuThreads: 1, scripts: { maxMs: 400 } })
    await expect(run('for (;;);', { set, timeoutMs: 60_000 })).rejects.toMatchObject({ code: 'TIMEOUT' })
  })
})

test('what is no fault of a script and no limit of it is INTERNAL_ERROR: the workers are closed', async () => {
  const set = open({ cpuThreads: 1 })
  const prepared = blockTable(set.blocks).get('javascript')!
  const codeOf = (call: Promise<Json>): Promise<string> =>
    call.then(
      () => 'an output',
      (error: unknown) => failureOf(error, prepared).code,
    )
  // of these two one runs and one waits
  const calls = [codeOf(run('for (;;);', { set })), codeOf(run('for (;;);', { set }))]
  await set.close()
  calls.push(codeOf(run('1', { set })))
  expect(await Promise.all(calls)).toEqual(['INTERNAL_ERROR', 'INTERNAL_ERROR', 'INTERNAL_ERROR'])
})

describe('javascript.trusted', () => {
  const type = 'javascript.trusted'

  test('is off unless the executor is set to trust scripts', async () => {
    await expect(run('1', { type })).rejects.toMatchObject({ code: 'NOT_ENABLED' })
  })

  test('has all of Node.js in a process of its own, without the variables of ours', async () => {
    const set = open({ cpuThreads: 1, scripts: { trusted: true } })
    process.env.BEAMLINE_TEST_CANARY = 'canary'
    const lines: BlockLogLine[] = []
    const context = { log: (line: BlockLogLine) => void lines.push(line) }
    const code =
      'console.log("here"); await null; return [require("node:process").pid, process.env.BEAMLINE_TEST_CANARY, a]'
    const [pid, canary, a] = (await run(code, { set, type, args: { a: 3 }, context })) as Json[]
    expect([typeof pid, pid === process.pid, canary, a]).toEqual(['number', false, null, 3])
    expect(lines).toEqual([{ level: 'info', message: 'here' }])
    await expect(run('throw new RangeError("x")', { set, type })).rejects.toMatchObject({
      code: 'SCRIPT_ERROR',
      message: 'the script failed: RangeError: x',
    })
    await expect(run('for (;;);', { set, type, timeoutMs: 50 })).rejects.toMatchObject({ code: 'TIMEOUT' })
    await expect(run('process.exit(3)', { set, type })).rejects.toMatchObject({ code: 'WORKER_ENDED' })
    expect(await run('1', { set, type })).toBe(1)
    delete process.env.BEAMLINE_TEST_CANARY
  })
})
