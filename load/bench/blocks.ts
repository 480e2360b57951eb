/**
 * Blocks of the cpu pool, called as an executor calls them: how many a second with one thread, also for each second of processor time, which is
 * what one core does whatever else the machine is busy with.
 */
import { parseArgs } from 'node:util'
import { realEnvironment as environment } from '../../connectors/environment.ts'
import type { Block } from '../../processors/execute/block.ts'
import { builtInBlocks } from '../../processors/execute/blocks/registry.ts'
import type { Json } from '../../schemas/json.ts'
import { contextOf } from './block-context.ts'
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

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' } } })
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

await main()
