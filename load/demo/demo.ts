/**
 * `npm run demo`: some thousand real records go through the ingest topic and the gateway into flows with cpu, gpu and io steps. The receiving end is flaky,
 * the engine is killed with -9 half-way, what failed is replayed. Ends with a report; the exit code is 0 only if every accepted run ended exactly once.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ApiClient, type Submission } from '../process/api-client.ts'
import { BeamlineProcess } from '../process/beamline-process.ts'
import { freePort } from '../process/free-port.ts'
import { verifyFolder } from '../process/verify-folder.ts'
import { Sink } from '../sink/sink.ts'
import { flightSubmissions, isLate, movieSubmissions } from './data.ts'
import { Feed } from './feed.ts'
import { readHistory } from './history.ts'
import { LiveLine } from './live-line.ts'
import { type LetterGroup, Operator } from './repair.ts'
import { judge, renderReport } from './report.ts'

const FILMS = 3201
const FILMS_PER_SECOND = 90
const FLIGHTS = 2000
const FLIGHTS_PER_SECOND = 56
const MISADDRESSED = 40
const SEED = 7
const SHARES = { busy: 0.06, slow: 0.01, broken: 0.03 }

async function main(): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'beamline-demo-'))
  const dataFolder = join(folder, 'data')
  const ledgerFile = join(folder, 'effects.jsonl')
  const began = performance.now()
  const sink = await Sink.listen({ ledgerFile, seed: SEED, shares: SHARES })
  const port = await freePort()
  const start = (): Promise<BeamlineProcess> => BeamlineProcess.start({ dataFolder, port })
  let beamline = await start()
  const readyMs = beamline.startedInMs
  const client = new ApiClient(beamline.url)
  const feed = new Feed(client)
  const operator = new Operator(client, dataFolder)
  let letters = 0
  const live = new LiveLine(process.stderr, () => {
    const { produced, submitted } = feed.counts
    const state = beamline.running ? 'up' : 'down'
    const sent = `films ${produced}/${FILMS}, flights ${submitted}/${FLIGHTS}`
    return `engine ${state} | ${sent} | delivered ${sink.effects.length} | sink trouble ${sink.counts.busy + sink.counts.slow} | dead letters ${letters}`
  })
  const look = setInterval(() => {
    operator.groups().then(
      (groups) => {
        letters = groups.reduce((total, group) => total + group.open, 0)
      },
      () => {
        // the engine is down for the moment
      },
    )
  }, 1000)
  try {
    live.say(`engine ready on ${beamline.url} after ${Math.round(readyMs)} ms; data in ${dataFolder}`)
    for (const flow of ['movie', 'flight']) {
      await client.publish(readFileSync(new URL(`flows/${flow}.yaml`, import.meta.url), 'utf8'))
    }
    const films = movieSubmissions(sink.url, FILMS)
    const flights = flightSubmissions(sink.url, FLIGHTS, MISADDRESSED)
    const feeding = Promise.all([feed.produce(films, FILMS_PER_SECOND), feed.submit(flights, FLIGHTS_PER_SECOND)])

    await until(() => feed.counts.produced + feed.counts.submitted >= (films.length + flights.length) / 2, feeding)
    const killedAtMs = Date.now()
    await beamline.kill()
    live.say('engine killed with -9 under load; starting it again')
    const again = performance.now()
    beamline = await start()
    const kill = { atMs: killedAtMs, readyAgainMs: performance.now() - again }
    live.say(`engine ready again after ${Math.round(kill.readyAgainMs)} ms`)

    await feeding
    live.say('everything is sent; waiting for the runs to end')
    await drained(client)
    const groups = await operator.groups()
    const open = groups.reduce((total, group) => total + group.open, 0)
    live.say(`${open} dead letters in ${groups.length} groups; the sink is repaired, now they are replayed`)
    sink.repair()
    const replays = await dealWith(groups, operator, sink.url, (text) => live.say(text))
    await drained(client)
    const effectsExpected = expectedItems(films, flights)
    await until(() => sink.effects.length >= effectsExpected.size, pause(20_000))
    await drained(client)
    await beamline.stop()
    live.stop()

    const facts = {
      seconds: (performance.now() - began) / 1000,
      readyMs,
      kill,
      feed: feed.counts,
      sink: sink.counts,
      effects: sink.effects,
      repeats: sink.repeats,
      expected: effectsExpected,
      replays,
      history: readHistory(dataFolder),
      verified: await verifyFolder(dataFolder, ledgerFile, null),
    }
    const judgement = judge(facts)
    console.log(renderReport(facts, judgement))
    return judgement.ok
  } catch (error) {
    live.stop()
    process.stderr.write(`${beamline.output.slice(-3000)}\n`)
    throw error
  } finally {
    clearInterval(look)
    live.stop()
    if (beamline.running) await beamline.kill()
    await client.close()
    await sink.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Replays every group; what was sent wrongly is patched. Answers how many letters went which way. */
async function dealWith(
  groups: readonly LetterGroup[],
  operator: Operator,
  sinkUrl: string,
  say: (text: string) => void,
): Promise<ReadonlyMap<string, number>> {
  const done = new Map<string, number>()
  const count = (what: string, letters: number): void => void done.set(what, (done.get(what) ?? 0) + letters)
  for (const group of groups) {
    const name = group.flow === null ? 'ingest' : `${group.flow}/${group.step_id}`
    say(`  ${group.open} x ${name}, ${group.code}: ${group.message.slice(0, 90)}`)
    if (group.category === 'run_failed') {
      const plan = await operator.plan(group)
      say(`    plan: ${plan.matched} new runs that go on after ${plan.continuesAfter.join(', ') || 'the beginning'}`)
      const misaddressed = group.code === 'HTTP_REQUEST_FAILED'
      const patch = misaddressed ? { patch: { sink: sinkUrl } } : {}
      const replayed = await operator.replay(group, { rate: 200, reason: 'sink repaired', ...patch })
      count(misaddressed ? 'runs replayed with a corrected address' : 'runs replayed as they were', replayed)
    } else {
      const { replayed, discarded } = await operator.repairRecords(group, withTextTitle, 'the film has no title')
      count('records replayed with a corrected title', replayed)
      count('records discarded: a film without a title', discarded)
    }
  }
  return done
}

/** Titles such as 300 or 1776 are numbers in the data set; one film has none. */
function withTextTitle(submission: Submission): Submission | null {
  const input = submission.input as { readonly movie: { readonly Title: unknown } }
  if (input.movie.Title === null) return null
  return { ...submission, input: { ...input, movie: { ...input.movie, Title: String(input.movie.Title) } } }
}

function expectedItems(films: readonly Submission[], flights: readonly Submission[]): ReadonlySet<string> {
  const items = new Set<string>()
  for (const { input } of films) {
    const { item, movie } = input as { item: string; movie: { Title: unknown } }
    if (movie.Title !== null) items.add(item)
  }
  for (const { input } of flights) {
    const { item, flight } = input as { item: string; flight: { delay: number } }
    items.add(item)
    if (isLate(flight)) items.add(`${item}-notice`)
  }
  return items
}

/** Waits until no run is open; the read model may lag a little, so it must be so three times in a row. */
async function drained(client: ApiClient): Promise<void> {
  for (let quiet = 0; quiet < 3; ) {
    const open = await Promise.all(
      ['accepted', 'running'].map((status) => client.call('GET', `/api/v1/runs?status=${status}&limit=1`)),
    )
    quiet = open.every(({ body }) => (body.runs as readonly unknown[]).length === 0) ? quiet + 1 : 0
    await pause(200)
  }
}

/** Polls until the condition holds or `limit` ends. */
async function until(condition: () => boolean, limit: Promise<unknown>): Promise<void> {
  let over = false
  const end = limit.finally(() => {
    over = true
  })
  end.catch(() => undefined)
  while (!condition() && !over) await pause(50)
}

process.exitCode = (await main()) ? 0 : 1
