/**
 * 10,000 bad inputs of every kind (scripts, addresses, servers, files, SQL, kernels, language models), several at once, with good steps of the same pools beside them: each must end with
 * its declared code, the memory of the process must stay where it was, and the good steps must go on. What a hung script costs the others is measured apart. `--group scripts`: one kind alone.
 */
import { parseArgs } from 'node:util'
import { realEnvironment as environment } from '../../connectors/environment.ts'
import { builtInBlocks } from '../../processors/execute/blocks/registry.ts'
import type { Json } from '../../schemas/json.ts'
import { closedLoop } from '../measure/driver.ts'
import { round } from '../measure/statistics.ts'
import { type PressureResult, underPressure, withoutPressure } from './bad/pressure.ts'
import { openStage } from './bad/stage.ts'
import { contextOf } from './block-context.ts'
import { progress } from './child.ts'

const IN_FLIGHT = 16

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      count: { type: 'string' },
      group: { type: 'string' },
    },
  })
  const count = Number(values.count ?? (values.quick ? 600 : 10_000))
  const opened = await openStage()
  const bad = opened.bad.filter(({ group }) => values.group === undefined || group === values.group)
  const stage = { ...opened, bad }
  try {
    // everything is open and compiled once before memory and latencies are looked at
    await underPressure(stage, stage.bad.length * 3, IN_FLIGHT)
    const alone = await withoutPressure(stage, values.quick ? 1_000 : 5_000)
    const beside = await underPressure(stage, count, IN_FLIGHT)
    tell(alone, beside)
    const hung = await besideHung(values.quick ? 1_000 : 3_000)
    console.log(JSON.stringify({ kinds: stage.bad.length, ...beside, good_alone: alone, hung_script: hung }))
    if (beside.surprises.length > 0) process.exitCode = 1
  } finally {
    await stage.close()
  }
}

function tell(alone: PressureResult['good'], beside: PressureResult): void {
  const { count, seconds, codes, surprises, memoryMb, liveMb, good } = beside
  const live = liveMb === null ? '' : `; in use ${liveMb.before} MiB before, ${liveMb.after} after`
  progress(`  ${count} bad inputs in ${seconds} s; memory ${memoryMb.tenths.join(' ')} MiB${live}`)
  for (const [group, found] of Object.entries(codes)) progress(`  ${group}: ${JSON.stringify(found)}`)
  for (const surprise of surprises) progress(`  not as expected: ${surprise}`)
  for (const [group, { p50, p99, count: calls }] of Object.entries(good))
    progress(
      `  ${calls} good steps, ${group}: p50 ${p50}, p99 ${p99} ms; alone ${alone[group]!.p50}, ${alone[group]!.p99}`,
    )
}

/** With four threads a hung script may take a quarter of what the others get done, until its deadline. */
async function besideHung(ms: number): Promise<Json> {
  const threads = 4
  const set = builtInBlocks(environment, { cpuThreads: threads })
  const block = set.blocks.find(({ type }) => type === 'javascript')!
  const wait = async (index: number): Promise<unknown> =>
    block.run(contextOf(index, 'good'), { code: 'let n = 0; for (let i = 0; i < 2e4; i++) n += i; n' })
  await closedLoop(wait, 200, 16)
  const free = await closedLoop(wait, ms / 2, 16)
  const controller = new AbortController()
  const endless = { code: 'for (;;);', timeout_ms: 60_000 }
  const hung = Promise.resolve(block.run({ ...contextOf(0, 'bad'), signal: controller.signal }, endless))
  hung.catch(() => undefined)
  const held = await closedLoop(wait, ms / 2, 16)
  controller.abort(new Error('the deadline'))
  const began = performance.now()
  await hung.catch(() => undefined)
  const endedMs = performance.now() - began
  await closedLoop(wait, 200, 16)
  const freed = await closedLoop(wait, ms / 2, 16)
  await set.close()
  const figures = {
    threads,
    before_per_s: free.runs_per_s,
    beside_per_s: held.runs_per_s,
    after_per_s: freed.runs_per_s,
    beside_p99_ms: held.latency.p99,
    ended_after_ms: round(endedMs),
  }
  progress(
    `  scripts/s: ${figures.before_per_s}, beside a hung one ${figures.beside_per_s} (p99 ${figures.beside_p99_ms} ms), after its deadline ${figures.after_per_s}`,
  )
  return figures
}

await main()
