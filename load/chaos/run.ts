/** As many passes as the time allows, on one cluster, and the report over all. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Random } from '../process/random.ts'
import { startCluster } from './cluster.ts'
import { runPass } from './pass.ts'
import { type ChaosReport, chaosReport, type PassReport } from './report.ts'
import type { Scenario } from './scenario.ts'
import { SCENARIOS } from './scenarios/index.ts'
import type { Measured, Stage } from './stage.ts'
import { Struck } from './struck.ts'

export interface ChaosOptions {
  /** An empty folder; what went well is removed from it. */
  readonly folder: string
  readonly minutes: number
  readonly seed: number
  /** Names; default: all. */
  readonly scenarios?: readonly string[]
  readonly version?: string
  readonly callers?: number
  readonly afterwards?: (stage: Stage) => Promise<readonly string[]>
  readonly say?: (text: string) => void
  readonly onStage?: (stage: Stage) => void
}

/** What is checked at once must fit into memory. */
const LONGEST_PASS_MS = 300_000

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { folder, minutes, seed, say = () => {} } = options
  const wanted = chosen(options.scenarios)
  const beganMs = performance.now()
  const struck = new Struck()
  const measured: Measured = {
    takeoversMs: [],
    rollingGapsMs: [],
    brokerGapsMs: [],
    recoveriesMs: [],
    handoversMs: [],
  }
  const random = new Random(seed)
  const passes: PassReport[] = []
  const leftMs = (): number => minutes * 60_000 - (performance.now() - beganMs)
  const cluster = await startCluster(options.version)
  try {
    let waiting: readonly Scenario[] = []
    while (passes.length === 0 || leftMs() > 30_000) {
      if (waiting.length === 0) waiting = shuffled(wanted, random)
      const timeMs = Math.min(Math.max(leftMs(), 1_000), LONGEST_PASS_MS)
      const scenarios = fitting(waiting, timeMs)
      waiting = waiting.slice(scenarios.length)
      const number = passes.length + 1
      const pass = await runPass({
        cluster,
        folder: join(folder, `pass-${number}`),
        prefix: `chaos-${number}.`,
        seed: random.u32(),
        struck,
        measured,
        say,
        scenarios,
        timeMs,
        ...(options.callers === undefined ? {} : { callers: options.callers }),
        ...(options.afterwards === undefined ? {} : { afterwards: options.afterwards }),
        ...(options.onStage === undefined ? {} : { onStage: options.onStage }),
      })
      passes.push(pass)
      if (!pass.report.ok || pass.problems.length > 0) break
      await rm(pass.folder, { recursive: true, force: true })
    }
  } finally {
    await cluster.stop()
  }
  const seconds = Math.round((performance.now() - beganMs) / 1000)
  return chaosReport(seed, seconds, passes, struck.counts, measured)
}

function chosen(names: readonly string[] | undefined): readonly Scenario[] {
  if (names === undefined || names.length === 0) return SCENARIOS
  return names.map((name) => {
    const found = SCENARIOS.find((scenario) => scenario.name === name)
    if (found !== undefined) return found
    const known = SCENARIOS.map((scenario) => scenario.name).join(', ')
    throw new Error(`there is no scenario '${name}'; expected one of ${known}`)
  })
}

/** As many as have their time, at least one. */
function fitting(scenarios: readonly Scenario[], timeMs: number): readonly Scenario[] {
  let seconds = 0
  const within = scenarios.filter((scenario, index) => {
    seconds += scenario.seconds
    return index === 0 || seconds * 1000 <= timeMs
  })
  return scenarios.slice(0, within.length)
}

function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  return items
    .map((item) => ({ item, at: random.u32() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
