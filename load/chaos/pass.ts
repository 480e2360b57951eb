/** One deployment from start to verdict, with some scenarios one after the other under load. */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { TASK_TOPICS } from '../../schemas/topics.ts'
import { verdict } from './oracle/verify.ts'
import type { PassReport } from './report.ts'
import type { Scenario } from './scenario.ts'
import { ALWAYS } from './scenarios/copies.ts'
import { openStage, type Stage, type StageOptions } from './stage.ts'
import { dump, startWatchdog } from './watchdog.ts'

const RECOVERS_WITHIN_MS = 120_000
const SETTLES_WITHIN_MS = 240_000
const STOPS_WITHIN_MS = 30_000
const STABLE_MS = 5_000

export interface PassOptions extends StageOptions {
  readonly scenarios: readonly Scenario[]
  /** Time for all scenarios together, milliseconds; longer if they need it. */
  readonly timeMs: number
  /** The last word on a deployment that was found well and is at rest. Answers what it found wrong. */
  readonly afterwards?: (stage: Stage) => Promise<readonly string[]>
  readonly onStage?: (stage: Stage) => void
}

export async function runPass(options: PassOptions): Promise<PassReport> {
  const { scenarios, timeMs, say } = options
  const beganMs = performance.now()
  const stage = await openStage(options)
  options.onStage?.(stage)
  const watchdog = startWatchdog(stage, (message) => {
    stage.problems.push(message)
    say(message)
  })
  try {
    const share = timeMs / Math.max(1, scenarios.length)
    for (const scenario of scenarios) await runScenario(stage, scenario, share)
    await settle(stage)
    watchdog.stop()
    await stopFleet(stage)
    stage.problems.push(...stage.fleet.fallen, ...stage.http.odd)
    say('reading the raw topics')
    const { report, stuck } = await verdict(stage.cluster.kafka, stage.prefix, stage.partitions, {
      ledgerFile: stage.ledgerFile,
      historyFile: stage.historyFile,
      rawFile: join(stage.folder, 'raw-topics.tsv'),
    })
    stage.problems.push(...stuck)
    if (report.ok && options.afterwards !== undefined) stage.problems.push(...(await options.afterwards(stage)))
    const expected = [...ALWAYS, ...scenarios.flatMap(({ expects }) => expects)]
    return {
      seed: options.seed,
      seconds: Math.round((performance.now() - beganMs) / 1000),
      scenarios: scenarios.map(({ name }) => name),
      report,
      accepted: { http: stage.http.accepted, all: stage.history.accepted.size },
      unanswered: stage.http.unanswered,
      refusedForNow: stage.http.refusedForNow,
      effects: stage.sink.effects.length,
      neverStruck: [...new Set(expected)].filter((what) => stage.struck.of(what) === 0),
      problems: stage.problems,
      folder: stage.folder,
    }
  } finally {
    watchdog.stop()
    await stage.fleet.killAll()
    stage.cluster.proxy.setFault(null)
    await stage.sink.close()
    stage.history.close()
  }
}

async function runScenario(stage: Stage, scenario: Scenario, shareMs: number): Promise<void> {
  const { problems, say, measured } = stage
  say(`scenario ${scenario.name}: ${scenario.about}`)
  const fallen = stage.fleet.fallen.length
  const untilMs = performance.now() + Math.max(shareMs, scenario.seconds * 1000)
  try {
    await scenario.run(stage, untilMs)
  } catch (error) {
    problems.push(`scenario ${scenario.name}: ${(error as Error).message}; see ${await dump(stage)}`)
  }
  const endedAt = performance.now()
  await recover(stage, scenario.name)
  measured.recoveriesMs.push(performance.now() - endedAt)
  for (const what of stage.fleet.fallen.slice(fallen)) say(what)
}

/** Mends what the scenario has broken and waits until everything is well: nobody has to be helped. */
async function recover(stage: Stage, name: string): Promise<void> {
  const { cluster, fleet, watch, problems } = stage
  cluster.proxy.setFault(null)
  try {
    for (const node of [...cluster.down]) await cluster.start(node)
    await cluster.wholeAgain(stage.prefix, RECOVERS_WITHIN_MS)
    await fleet.heal()
    if (await watch.movedSince(performance.now(), RECOVERS_WITHIN_MS)) return
    problems.push(`after ${name} a partition stood still for ${RECOVERS_WITHIN_MS} ms; see ${await dump(stage)}`)
  } catch (error) {
    problems.push(`after ${name}: ${(error as Error).message}; see ${await dump(stage)}`)
  }
}

/** No new work; resolves once every run has ended and no task has anything left to read. */
async function settle(stage: Stage): Promise<void> {
  const { http, producers, watch, history, problems, say } = stage
  await producers.stop()
  await http.stop()
  say(`waiting for ${watch.open.size} open runs`)
  const until = performance.now() + SETTLES_WITHIN_MS
  const isOpen = (): boolean => watch.open.size > 0 || [...history.accepted].some((runId) => !watch.ended.has(runId))
  while (isOpen()) {
    if (performance.now() > until) {
      const open = [...new Set([...watch.open, ...[...history.accepted].filter((runId) => !watch.ended.has(runId))])]
      const examples = open.slice(0, 5).join(', ')
      problems.push(`${open.length} runs have not ended, e.g. ${examples}; see ${await dump(stage)}`)
      return
    }
    await pause(100)
  }
  await atRest(stage, until)
}

/** Executors first: tasks are still to hear that they have left. */
async function stopFleet(stage: Stage): Promise<void> {
  const { fleet, problems, watch } = stage
  const others = fleet.members.filter(({ name }) => !name.startsWith('tasks'))
  problems.push(...(await fleet.stopAll(others)))
  await atRest(stage, performance.now() + STOPS_WITHIN_MS)
  await watch.close()
  problems.push(...(await fleet.stopAll()))
}

/**
 * Resolves once all tasks have read all there is, or nothing changes any more: what lies behind the last record of a transaction is passed over only after a
 * while, and the checker says whether anything was left.
 */
async function atRest(stage: Stage, untilMs: number): Promise<void> {
  let last = ''
  let since = performance.now()
  while (performance.now() < untilMs) {
    const { behind, state } = await positions(stage)
    if (behind === 0) return
    if (state !== last) since = performance.now()
    else if (performance.now() - since >= STABLE_MS) return
    last = state
    await pause(100)
  }
}

async function positions({ cluster, names, partitions }: Stage): Promise<{ behind: number; state: string }> {
  const places = TASK_TOPICS.flatMap((topic) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic: names.topic(topic), partition })),
  )
  const [committed, ends] = await Promise.all([
    cluster.client.committedOffsets(names.tasksGroup, places),
    cluster.client.listOffsets(places, 'end'),
  ])
  const both = places.map(({ topic, partition }) => {
    const key = `${topic}/${partition}`
    return { committed: committed.get(key)?.offset ?? 0, end: ends.get(key) ?? 0 }
  })
  return { behind: both.filter((each) => each.committed < each.end).length, state: JSON.stringify(both) }
}
