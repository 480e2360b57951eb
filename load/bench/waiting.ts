/** Memory of runs that wait for a timer that is far away. */
import { parseArgs } from 'node:util'
import { toJsonText } from '../../schemas/json.ts'
import { closedLoop, payloadOf } from '../measure/driver.ts'
import { round } from '../measure/statistics.ts'
import { progress } from './child.ts'
import { BenchEngine } from './engine.ts'
import { REMINDER } from './flow-documents.ts'

function rssMb(): number {
  globalThis.gc?.()
  return Math.round(process.memoryUsage.rss() / 2 ** 20)
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' } } })
  const runs = values.quick ? 2_000 : 10_000
  const engine = await BenchEngine.start()
  try {
    await engine.publish('reminder', REMINDER)
    const before = rssMb()
    const result = await closedLoop((index) => engine.submit('reminder', toJsonText(payloadOf(1024, index))), runs, 64)
    await engine.settled('StepWaiting', runs)
    const after = rssMb()
    const kbPerRun = round(((after - before) * 1024) / runs)
    progress(`  ${runs} runs waiting: RSS ${after} MB (${before} before), ${kbPerRun} KB each`)
    const rates = { submitted_per_s: result.runs_per_s }
    console.log(JSON.stringify({ runs, rss_mb: after, rss_before_mb: before, kb_per_run: kbPerRun, ...rates }))
  } finally {
    await engine.close()
  }
}

await main()
