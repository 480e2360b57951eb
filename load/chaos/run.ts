/** As many passes as the time allows, on one cluster, and the report over all. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Random } from '../process/random.ts'
import { type ChaosCluster, startCluster } from './cluster.ts'
import { runPass } from './pass.ts'
import { type ChaosReport, chaosReport, type PassReport } from './report.ts'
import { ruin } from './ruin.ts'
import type { Scenario } from './scenario.ts'
import { SCENARIOS, SHORT_SCENARIOS } from './scenarios/index.ts'
import type { Measured, Stage } from './stage.ts'
import { Struck } from './struck.ts'

export interface ChaosOptions {
  /** An empty folder; what went well is removed from it. */
  readonly folder: string
  readonly minutes: number
  readonly seed: number
  /** Names, which all have their turn; default: those that fit into the time. */
  readonly scenarios?: readonly string[]
  readonly version?: string
  readonly callers?: number
  /** Ruins the last deployment after its verdict, to see what it says to that. Default true. */
  readonly ruins?: boolean
  readonly say?: (text: string) => void
  readonly onStage?: (stage: Stage) => void
}

/** What is checked at once must fit into memory. */
const LONGEST_PASS_MS = 300_000
/** For another pass. */
const ENOUGH_MS = 30_000

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { folder, minutes, seed, ruins = true, say = () => {} } = options
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
    while (passes.length === 0 || leftMs() > ENOUGH_MS) {
      if (waiting.length === 0) waiting = shuffled(wanted, random)
      const timeMs = Math.min(Math.max(leftMs(), 1_000), LONGEST_PASS_MS)
      const scenarios = options.scenarios === undefined ? fitting(waiting, timeMs) : waiting
      waiting = waiting.slice(scenarios.length)
      const number = passes.length + 1
      const prefix = `chaos-${number}.`
      const pass = await runPass({
        cluster,
        folder: join(folder, `pass-${number}`),
        prefix,
        seed: random.u32(),
        struck,
        measured,
        say,
        scenarios,
        timeMs,
        ...(options.callers === undefined ? {} : { callers: options.callers }),
        afterwards: (stage) => (ruins && leftMs() <= ENOUGH_MS ? ruin(stage) : Promise.resolve([])),
        ...(options.onStage === undefined ? {} : { onStage: options.onStage }),
      })
      passes.push(pass)
      if (!pass.report.ok || pass.problems.length > 0) break
      await rm(pass.folder, { recursive: true, force: true })
      await forget(cluster, prefix)
    }
  } finally {
    await cluster.stop()
  }
  const seconds = Math.round((performance.now() - beganMs) / 1000)
  return chaosReport(seed, seconds, passes, struck.counts, measured)
}

/** The brokers need the room. */
async function forget({ client }: ChaosCluster, prefix: string): Promise<void> {
  const topics = (await client.admin.listTopics()).filter((name) => name.startsWith(prefix))
  if (topics.length > 0) await client.admin.deleteTopics({ topics })
}

function chosen(names: readonly string[] | undefined): readonly Scenario[] {
  if (names === undefined || names.length === 0) return SCENARIOS
  return names.map((name) => {
    const found = [...SCENARIOS, ...SHORT_SCENARIOS].find((scenario) => scenario.name === name)
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
