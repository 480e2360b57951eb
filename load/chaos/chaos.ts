/**
 * `npm run chaos -- [--minutes 3] [--seed 1] [--scenario NAME ...]`: faults on real processes and three brokers. The last line is the report as JSON; exit code 1 if
 * anything was lost, doubled, illegal or stuck, or a fault never struck.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { printable } from './report.ts'
import { runChaos } from './run.ts'
import { SCENARIOS } from './scenarios/index.ts'
import type { Stage } from './stage.ts'

const HELP = `Faults on real processes and three brokers; what happened is checked from the raw topics.

  --minutes N       of faults, about; default 3
  --seed N          default 1
  --scenario NAME   one or more; default: all that fit into the time
  --callers N       clients of the HTTP API; default 12
  --kafka VERSION   default: the newest

${SCENARIOS.map(({ name, about }) => `  ${name.padEnd(18)}${about}`).join('\n')}
`

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    seed: { type: 'string', default: '1' },
    scenario: { type: 'string', multiple: true, default: [] },
    callers: { type: 'string', default: '12' },
    kafka: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) console.log(HELP)
else process.exitCode = await main()

async function main(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'beamline-chaos-'))
  const beganMs = performance.now()
  const { isTTY } = process.stderr
  const say = (text: string): void => {
    const at = ((performance.now() - beganMs) / 1000).toFixed(1)
    process.stderr.write(`${isTTY ? '\r\x1b[K' : ''}${at.padStart(7)} s  ${text}\n`)
  }
  let stage: Stage | null = null
  // in place on a terminal, else a line now and then
  const tell = (): void => {
    if (stage !== null) process.stderr.write(isTTY ? `\r\x1b[K${liveLine(stage)}` : `${liveLine(stage)}\n`)
  }
  const live = setInterval(tell, isTTY ? 500 : 10_000)
  const report = await runChaos({
    folder,
    minutes: numberOf('minutes', values.minutes),
    seed: numberOf('seed', values.seed),
    callers: numberOf('callers', values.callers),
    say,
    onStage: (opened) => {
      stage = opened
    },
    ...(values.scenario.length === 0 ? {} : { scenarios: values.scenario }),
    ...(values.kafka === undefined ? {} : { version: values.kafka }),
  }).finally(() => clearInterval(live))
  console.log(printable(report))
  if (report.ok) await rm(folder, { recursive: true, force: true })
  else {
    await writeFile(join(folder, 'report.json'), JSON.stringify(report, null, 2))
    console.log(`  kept for a look: ${folder}`)
  }
  console.log(JSON.stringify({ ...report, passes: report.passes.map(({ report: _, ...rest }) => rest) }))
  return report.ok ? 0 : 1
}

function liveLine({ watch, http, struck }: Stage): string {
  const strikes = [...struck.counts.values()].reduce((all, each) => all + each, 0)
  const still = ((performance.now() - watch.lastEndAt) / 1000).toFixed(1)
  return `  ${watch.ended.size} runs ended, ${watch.open.size} open, ${http.refusedForNow} refused, ${strikes} strikes, last end ${still} s ago`
}

function numberOf(name: string, text: string): number {
  const value = Number(text)
  if (Number.isFinite(value) && value > 0) return value
  throw new Error(`--${name} is '${text}'; expected a number above 0`)
}
