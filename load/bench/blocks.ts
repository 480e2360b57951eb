/**
 * Blocks of the cpu pool, called as an executor calls them: how many a second with one thread, also for each second of processor time, which is
 * what one core does whatever else the machine is busy with; and 10,000 bad scripts with good ones beside them.
 */
import { parseArgs } from 'node:util'
import { realEnvironment as environment } from '../../connectors/environment.ts'
import type { Block, BlockContext } from '../../processors/execute/block.ts'
import { builtInBlocks } from '../../processors/execute/blocks/registry.ts'
import type { RunId, StepId, TenantId } from '../../schemas/ids.ts'
import type { Json } from '../../schemas/json.ts'
import { progress } from './child.ts'

const IN_FLIGHT = 32
const order = (lines: number): Json => ({
  lines: Array.from({ length: lines }, (_, i) => ({ sku: `sku-${i}`, qty: i })),
})

const CASES: readonly { readonly name: string; readonly type: string; readonly input: Json }[] = [
  {
    name: 'javascript',
    type: 'javascript',
    input: { code: 'lines.map(({ qty }) => Math.ceil(qty / 12))', args: order(5) },
  },
  {
    name: 'javascript, the body of a function with await',
    type: 'javascript',
    input: { code: 'const all = await Promise.all(lines); return all.length', args: order(5) },
  },
  { name: 'jmespath', type: 'jmespath', input: { expression: 'lines[?qty > `2`].sku', data: order(5) } },
  {
    name: 'jmespath in a thread',
    type: 'jmespath',
    input: { expression: `[lines[?qty > \`2\`].sku${',`1`'.repeat(70)}][0]`, data: order(5) },
  },
  { name: 'jmespath on 40 KB', type: 'jmespath', input: { expression: 'lines[?qty > `2`].sku', data: order(1_500) } },
  {
    name: 'transform',
    type: 'transform',
    input: { data: order(5), pick: { skus: 'lines[].sku' }, merge: { ok: true }, template: { list: '${skus}' } },
  },
]

/** Of every kind; each ends within its limits. */
const BAD: readonly string[] = [
  'for (;;);',
  '/^(a+)+$/.test("a".repeat(40) + "b")',
  '(function f() { f() })()',
  'let a = []; for (;;) a.push(new Array(1000).fill(1))',
  '"x".repeat(2e6)',
  'JSON.parse("[".repeat(1e6))',
  'new Promise(() => {})',
  'constructor.constructor("return process")()',
  '(async () => { for (;;) await null })()',
  'new Proxy({}, { ownKeys() { for (;;); } })',
  '({ get a() { throw new Error("x") } })',
  'Object.prototype.polluted = 1; JSON.stringify = () => "{"; undefined()',
]
const BAD_MS = 60
/** One in so many ignores interrupts, so that its thread is killed. */
const NATIVE_EVERY = 100
const NATIVE = 'a = []; a.length = 2 ** 32 - 1; a.indexOf(1)'

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' }, bad: { type: 'string' } },
  })
  if (values.bad !== undefined) {
    console.log(JSON.stringify({ bad: await badScripts(Number(values.bad)) }))
    return
  }
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3))
  const results: { [name: string]: Json } = {}
  const set = builtInBlocks(environment, { cpuThreads: 1 })
  for (const { name, type, input } of CASES) {
    const block = set.blocks.find((known) => known.type === type)!
    await callFor(block, input, 300)
    const figures = []
    for (let round = 0; round < rounds; round++) figures.push(await callFor(block, input, values.quick ? 500 : 2_000))
    const best = figures.reduce((a, b) => (b.perCpuSecond > a.perCpuSecond ? b : a))
    progress(`  ${name}: ${best.perSecond} calls/s, ${best.perCpuSecond} for each second of processor time`)
    results[name] = { per_s: best.perSecond, per_cpu_s: best.perCpuSecond }
  }
  await set.close()
  results.bad = await badScripts(values.quick ? 600 : 10_000)
  console.log(JSON.stringify(results))
}

async function callFor(block: Block, input: Json, ms: number): Promise<{ perSecond: number; perCpuSecond: number }> {
  const cpu = process.cpuUsage()
  const began = performance.now()
  let calls = 0
  const one = async (): Promise<void> => {
    while (performance.now() - began < ms) {
      await block.run(contextOf(calls++), input)
      // what does not wait would keep the timers from their turn
      if (calls % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, one))
  const { user, system } = process.cpuUsage(cpu)
  const seconds = (performance.now() - began) / 1_000
  return { perSecond: Math.round(calls / seconds), perCpuSecond: Math.round(calls / ((user + system) / 1e6)) }
}

async function badScripts(count: number): Promise<Json> {
  const set = builtInBlocks(environment, { cpuThreads: 3, scripts: { memoryMb: 16 } })
  const block = set.blocks.find(({ type }) => type === 'javascript')!
  const codes: { [code: string]: number } = {}
  let next = 0
  const memoryMb: number[] = []
  const bad = async (): Promise<void> => {
    while (next < count) {
      const index = next++
      const code = index % NATIVE_EVERY === 0 ? NATIVE : BAD[index % BAD.length]!
      const error = await Promise.resolve(block.run(contextOf(index), { code, timeout_ms: BAD_MS })).catch(
        (e: unknown) => e,
      )
      const found = String((error as { code?: unknown }).code ?? error)
      codes[found] = (codes[found] ?? 0) + 1
      if (next % Math.ceil(count / 10) === 0) memoryMb.push(Math.round(process.memoryUsage.rss() / 2 ** 20))
    }
  }
  const waits: number[] = []
  let isOver = false
  const good = async (): Promise<void> => {
    while (!isOver) {
      const began = performance.now()
      const value = await block.run(contextOf(0), { code: '1 + 1' })
      if (value !== 2) throw new Error(`1 + 1 is ${JSON.stringify(value)}`)
      waits.push(performance.now() - began)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  const beside = good()
  await Promise.all([bad(), bad()])
  isOver = true
  await beside
  await set.close()
  waits.sort((a, b) => a - b)
  const at = (share: number): number => Math.round(waits[Math.floor(waits.length * share)]!)
  progress(`  ${count} bad scripts: ${JSON.stringify(codes)}; memory ${memoryMb.join(' ')} MiB`)
  progress(`  ${waits.length} good ones beside them: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`)
  return { count, codes, memory_mb: memoryMb, good: waits.length, good_p50_ms: at(0.5), good_p99_ms: at(0.99) }
}

function contextOf(call: number): BlockContext {
  return {
    tenant: 'bench' as TenantId,
    runId: '00010000-0000-8000-8000-000000000000' as RunId,
    stepId: 'one' as StepId,
    attempt: 1,
    key: `bench/run/one/${call}`,
    signal: new AbortController().signal,
    traceparent: null,
    assignedAtMs: 1_700_000_000_000,
  }
}

await main()
