/** `npm run simulate -- --seeds N [--from S]` or `-- --seed X [--trace]`. */
import { parseArgs } from 'node:util'
import { simulate } from './simulation.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
})
const from = Number(values.seed ?? values.from)
const count = values.seed === undefined ? Number(values.seeds) : 1
const totals = new Map<string, number>()
let failed = 0
let steps = 0
const began = performance.now()
for (let seed = from; seed < from + count; seed++) {
  const result = await simulate({ seed, ...(values.trace ? { trace: (line: string) => console.log(line) } : {}) })
  steps += result.steps
  for (const [name, times] of result.faults) totals.set(name, (totals.get(name) ?? 0) + times)
  if (result.problems.length > 0) {
    failed += 1
    console.log(`seed ${seed} failed after ${result.steps} steps:\n  ${result.problems.slice(0, 5).join('\n  ')}`)
    if (failed > 20) break
  } else if (count === 1) console.log(JSON.stringify(result.report, null, 1), result.hash)
}
const seconds = (performance.now() - began) / 1000
console.log(
  [...totals]
    .sort((a, b) => b[1] - a[1])
    .map(([name, times]) => `${name} ${times}`)
    .join(', '),
)
console.log(`${count} seeds, ${failed} failed, ${steps} steps, ${seconds.toFixed(1)} s`)
process.exitCode = failed === 0 ? 0 : 1
