/**
 * What readers cost the engine: a loop of 64 runs in flight that never pauses, looked at alone, beside readers, and beside a process that spends as much CPU
 * as the readers do but reads nothing, in alternation (A B C C B A), since on few cores readers also take from the engine what they compute themselves.
 * Windows are longer than folding and settling take, which come in bursts. Readers are a process of their own: some follow what happens to one flow, which
 * all the while is run at a steady rate of 500 events a second, and lists are asked for; every client must have been sent every event once. Gateway, read
 * model and what submits are part of the measured process in all three. A window in which somebody else was busy is looked at anew, some times. `ratio`
 * compares runs a second, `cpu_ratio` what a run costs the whole process.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startBeamline } from '../../main.ts'
import type { Log } from '../../topology/log/port.ts'
import { median, round } from '../measure/statistics.ts'
import { freePort } from '../process/free-ports.ts'
import { progress } from './child.ts'
import { BenchClient } from './client.ts'
import { endOfEvents, eventsOfFlow } from './count-events.ts'
import { echoChain } from './flow-documents.ts'
import { ReaderProcess, type ReadersReport } from './reader-process.ts'
import { RunningLoop, SteadyRuns } from './steady.ts'
import { cpuSince, machineCpuUs, threadCpuUs, totalCpuUs } from './thread-cpu.ts'

const FLOW = 'echo-3'
/** The flow that is followed. */
const WATCHED = 'echo-1'
const WATCHED_PER_S = 125
const STEPS = 3
const IN_FLIGHT = 64
const WARM_UP_MS = 8_000
/** After readers have come. */
const SETTLE_MS = 300
/** After they have gone: the gateway reads on for a moment. Who comes later begins with what happens then. */
const GONE_MS = 2_500

/** What others may take of the machine in a window that counts, in cores. */
const QUIET_CORES = 0.3
/** Of a window, while others are busy. */
const REPEATS = 6
const MIN_QUIET_ROUNDS = 3

type Condition = 'alone' | 'readers' | 'burning'

interface Window {
  readonly runsPerSecond: number
  /** Microseconds that a run costs the process, and its thread that decides. */
  readonly cpuUs: number
  readonly mainUs: number
  readonly threads: ReadonlyMap<string, number>
  /** Cores that the readers, or what is as busy, take. */
  readonly readerCores: number
  /** Cores that everybody else on the machine takes, the kernel's own work among it. */
  readonly foreignCores: number
}

interface Bench {
  readonly log: Log
  readonly client: BenchClient
  readonly loop: RunningLoop
  readonly readers: ReaderProcess
  readonly windowMs: number
}

async function look({ loop, readers, windowMs }: Bench): Promise<Window> {
  const [ended, began, all, other] = [loop.ended, performance.now(), machineCpuUs(), readers.cpuUs]
  const [threads, main] = [threadCpuUs(process.pid), process.threadCpuUsage()]
  await pause(windowMs)
  const runs = loop.ended - ended
  const seconds = (performance.now() - began) / 1000
  const { user, system } = process.threadCpuUsage(main)
  const spent = cpuSince(threads, threadCpuUs(process.pid))
  const [own, readersUs] = [totalCpuUs(spent), readers.cpuUs - other]
  return {
    runsPerSecond: runs / seconds,
    cpuUs: own / runs,
    mainUs: (user + system) / runs,
    threads: new Map([...spent].map(([name, us]) => [name, us / runs])),
    readerCores: readersUs / 1e6 / seconds,
    foreignCores: (machineCpuUs() - all - own - readersUs) / 1e6 / seconds,
  }
}

/** The watched flow begins after the clients do and has ended before they are asked, so that it is known what each must have been sent. */
async function watched(bench: Bench): Promise<Window> {
  const steady = new SteadyRuns(bench.client, WATCHED, WATCHED_PER_S)
  await pause(SETTLE_MS)
  let window = await look(bench)
  for (let again = 0; again < REPEATS && window.foreignCores > QUIET_CORES; again++) window = await look(bench)
  await steady.stop()
  return window
}

async function besideReaders(bench: Bench): Promise<{ readonly window: Window; readonly report: ReadersReport }> {
  const { readers, log } = bench
  const from = await endOfEvents(log)
  await readers.follow()
  const window = await watched(bench)
  const report = await readers.stop(await eventsOfFlow(log, WATCHED, from, await endOfEvents(log)))
  await pause(GONE_MS)
  return { window, report }
}

async function besideBurning(bench: Bench, share: number): Promise<Window> {
  await bench.readers.burn(share)
  const window = await watched(bench)
  await bench.readers.rest()
  return window
}

type Round = { readonly [C in Condition]: Window } & { readonly report: ReadersReport }

const ORDER: readonly Condition[] = ['alone', 'readers', 'burning']

async function oneRound(bench: Bench, order: readonly Condition[], burnt: number): Promise<Round> {
  const windows: { [C in Condition]?: Window } = {}
  let report: ReadersReport | undefined
  for (const condition of order) {
    if (condition === 'alone') windows.alone = await watched(bench)
    else if (condition === 'burning') windows.burning = await besideBurning(bench, burnt)
    else {
      const beside = await besideReaders(bench)
      windows.readers = beside.window
      report = beside.report
    }
  }
  return { alone: windows.alone!, readers: windows.readers!, burning: windows.burning!, report: report! }
}

async function measure(bench: Bench, count: number): Promise<Round[]> {
  const rounds: Round[] = []
  // the first tells how busy readers are
  await oneRound(bench, ['readers', 'alone', 'burning'], 0).then((round) => rounds.push(round))
  for (let number = 0; number < count; number++) {
    const burnt = medianOf(rounds, 'readers', 'readerCores')
    if (number === 0) rounds.length = 0
    const round = await oneRound(bench, number % 2 === 0 ? ORDER : ORDER.toReversed(), burnt)
    rounds.push(round)
    progress(`  round ${number + 1}: ${ORDER.map((condition) => `${condition} ${said(round[condition])}`).join('; ')}`)
  }
  return rounds
}

function said({ runsPerSecond, cpuUs, foreignCores }: Window): string {
  const others = foreignCores > QUIET_CORES ? `, others busy (${round(foreignCores)} cores)` : ''
  return `${Math.round(runsPerSecond)} runs/s of ${Math.round(cpuUs)} us${others}`
}

type Figure = Exclude<keyof Window, 'threads'>

function medianOf(rounds: readonly Round[], condition: Condition, figure: Figure): number {
  return median(rounds.map((round) => round[condition][figure]))
}

/** How much less is done beside readers, or how much less dear it is: each window beside another of its round, since the machine changes between rounds. */
function ratio(rounds: readonly Round[], to: Condition, figure: 'runsPerSecond' | 'cpuUs' | 'mainUs'): number {
  const quotients = rounds.map((round) => round.readers[figure] / round[to][figure])
  return round(median(figure === 'runsPerSecond' ? quotients : quotients.map((quotient) => 1 / quotient)))
}

function isQuiet(round: Round): boolean {
  return ORDER.every((condition) => round[condition].foreignCores <= QUIET_CORES)
}

/** What a run costs each thread, in microseconds. */
function threadsOf(rounds: readonly Round[], condition: Condition) {
  const names = [...rounds[0]![condition].threads.keys()]
  const costs = names.map(
    (name) => [name, median(rounds.map((round) => round[condition].threads.get(name) ?? 0))] as const,
  )
  return Object.fromEntries(costs.filter(([, us]) => us >= 1).map(([name, us]) => [name, round(us)]))
}

function summary(all: readonly Round[]) {
  // where there are enough of them, only rounds in which nobody else was busy count
  const quiet = all.filter(isQuiet)
  const rounds = quiet.length >= MIN_QUIET_ROUNDS ? quiet : all
  const reports = all.map(({ report }) => report)
  return {
    ratio: ratio(rounds, 'alone', 'runsPerSecond'),
    ratio_beside_as_busy: ratio(rounds, 'burning', 'runsPerSecond'),
    cpu_ratio: ratio(rounds, 'alone', 'cpuUs'),
    cpu_ratio_beside_as_busy: ratio(rounds, 'burning', 'cpuUs'),
    main_thread_cpu_ratio: ratio(rounds, 'alone', 'mainUs'),
    rounds: all.length,
    rounds_quiet: quiet.length,
    rounds_counted: rounds.length,
    foreign_cores: round(median(rounds.flatMap((round) => ORDER.map((condition) => round[condition].foreignCores)))),
    reader_cores: round(medianOf(rounds, 'readers', 'readerCores')),
    runs_per_s: Object.fromEntries(
      ORDER.map((condition) => [condition, round(medianOf(rounds, condition, 'runsPerSecond'))]),
    ),
    cpu_us_a_run: Object.fromEntries(ORDER.map((condition) => [condition, threadsOf(rounds, condition)])),
    lists_p95_ms: round(median(reports.map((report) => report.answered_p95_ms))),
    questions: reports.reduce((sum, { asked }) => sum + asked, 0),
    events_of_each_client: reports.reduce((sum, { fewest }) => sum + fewest, 0),
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      window: { type: 'string', default: '3000' },
      clients: { type: 'string', default: '100' },
      questions: { type: 'string', default: '20' },
    },
  })
  const [clients, questions] = [Number(values.clients), Number(values.questions)]
  const rounds = Number(values.rounds ?? (values.quick ? 4 : 12))
  const dataFolder = mkdtempSync(join(tmpdir(), 'beamline-readers-'))
  const node = await startBeamline({ dataFolder, port: await freePort() })
  const client = new BenchClient(node.log)
  const readers = new ReaderProcess(node.url!, clients, questions, WATCHED)
  try {
    await client.publish(FLOW, echoChain(FLOW, STEPS))
    await client.publish(WATCHED, echoChain(WATCHED, 1))
    const loop = new RunningLoop(client, FLOW, IN_FLIGHT)
    await pause(WARM_UP_MS)
    const measured = await measure({ log: node.log, client, loop, readers, windowMs: Number(values.window) }, rounds)
    await loop.stop()
    console.log(
      JSON.stringify({
        followers: clients,
        questions_per_s: questions,
        steps: STEPS,
        ...summary(measured),
      }),
    )
  } finally {
    await readers.close()
    await client.close()
    await node.close()
    rmSync(dataFolder, { recursive: true, force: true })
  }
}

await main()
