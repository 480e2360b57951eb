/**
 * `npm run demo`: some thousand real records go through the ingest topic and the gateway into flows with cpu, gpu and io steps. The receiving end is flaky,
 * the engine is killed with -9 half-way, what failed is replayed. Ends with a report; the exit code is 0 only if every accepted run ended exactly once.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { verifyFolder } from '../process/verify-folder.ts'
import { expectedItems, flightSubmissions, movieSubmissions } from './data.ts'
import { dealWith } from './dead-letters.ts'
import { Feed } from './feed.ts'
import { readHistory } from './history.ts'
import { LiveLine } from './live-line.ts'
import { Operator } from './repair.ts'
import { type DemoFacts, judge, renderReport } from './report.ts'
import { Stage } from './stage.ts'

const FILMS = 3201
const FILMS_PER_SECOND = 90
const FLIGHTS = 2000
const FLIGHTS_PER_SECOND = 56
const MISADDRESSED = 40
const SEED = 7
const SHARES = { busy: 0.06, slow: 0.01, broken: 0.03 }

async function main(): Promise<boolean> {
  const stage = await Stage.set(SEED, SHARES)
  const feed = new Feed(stage.client)
  const operator = new Operator(stage.client, stage.dataFolder)
  const live = new LiveLine(process.stderr, () => statusLine(stage, feed, operator))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void stage.strike().finally(() => process.exit(130)))
  }
  try {
    const facts = await play(stage, feed, operator, (text) => live.say(text))
    live.stop()
    const judgement = judge(facts)
    console.log(renderReport(facts, judgement))
    return judgement.ok
  } catch (error) {
    live.say(stage.engine.output.slice(-3000))
    throw error
  } finally {
    live.stop()
    operator.stop()
    await stage.strike()
  }
}

function statusLine({ engine, sink }: Stage, { counts }: Feed, operator: Operator): string {
  const parts = [
    `engine ${engine.running ? 'up' : 'down'}`,
    `films ${counts.produced}/${FILMS}, flights ${counts.submitted}/${FLIGHTS}`,
    `delivered ${sink.effects.length}`,
    `sink trouble ${sink.counts.busy + sink.counts.slow}`,
    `dead letters ${operator.open}`,
  ]
  return parts.join(' | ')
}

async function play(stage: Stage, feed: Feed, operator: Operator, say: (text: string) => void): Promise<DemoFacts> {
  const began = performance.now()
  const readyMs = stage.engine.startedInMs
  say(`engine ready on ${stage.engine.url} after ${Math.round(readyMs)} ms; data in ${stage.dataFolder}`)
  for (const flow of ['movie', 'flight']) {
    await stage.client.publish(readFileSync(new URL(`flows/${flow}.yaml`, import.meta.url), 'utf8'))
  }
  const films = movieSubmissions(stage.sink.url, FILMS)
  const flights = flightSubmissions(stage.sink.url, FLIGHTS, MISADDRESSED)
  const expected = expectedItems(films, flights)
  operator.watch()
  const feeding = Promise.all([feed.produce(films, FILMS_PER_SECOND), feed.submit(flights, FLIGHTS_PER_SECOND)])

  await until(() => feed.counts.produced + feed.counts.submitted >= (films.length + flights.length) / 2, feeding)
  const kill = await stage.killAndRestart(() => say('engine killed with -9 under load; starting it again'))
  say(`engine ready again after ${Math.round(kill.readyAgainMs)} ms`)
  await feeding
  say('everything is sent; waiting for the runs to end')
  await stage.drained()

  stage.sink.repair()
  say('the sink is repaired; the dead letters, group by group:')
  const replays = await dealWith(await operator.groups(), operator, stage.sink.url, say)
  await until(() => stage.sink.effects.length >= expected.size, pause(20_000))
  await stage.drained()
  operator.stop()
  await stage.engine.stop()

  const seconds = (performance.now() - began) / 1000
  writeFileSync(stage.historyFile, feed.history())
  return {
    seconds,
    readyMs,
    kill,
    feed: feed.counts,
    sink: stage.sink.counts,
    effects: stage.sink.effects,
    repeats: stage.sink.repeats,
    expected,
    replays,
    history: readHistory(stage.dataFolder),
    verified: await verifyFolder(stage.dataFolder, stage.ledgerFile, stage.historyFile),
  }
}

/** Polls until the condition holds or `limit` ends. */
async function until(condition: () => boolean, limit: Promise<unknown>): Promise<void> {
  let over = false
  const end = (): void => {
    over = true
  }
  limit.then(end, end)
  while (!condition() && !over) await pause(50)
}

process.exitCode = (await main()) ? 0 : 1
