/**
 * Lists over a large read model: filled with generated events through the real projection, then asked each question 200 times with changing values. By default
 * on SQLite, and on Postgres where one is installed; `--database` picks one.
 */
import { parseArgs } from 'node:util'
import { homeOf, type RunId, type StepId } from '../../schemas/ids.ts'
import { anyLetter, anyRun, type RunFilter, type RunPage, WAIT_KINDS } from '../../topology/read-model/lists.ts'
import { type ReadModel, RUN_STATUSES } from '../../topology/read-model/port.ts'
import { percentiles } from '../measure/statistics.ts'
import { findPostgres } from '../postgres/find-postgres.ts'
import { progress } from './child.ts'
import { BEGAN_MS, BENCH_TENANT, CUSTOMERS, eventMaker, FLOWS, type MadeRun, WEEK_MS } from './read-model-events.ts'
import { type Part, type Place, postgresPlace, sqlitePlace } from './read-model-places.ts'

const PARTITIONS = 4
const RUNS_PER_BATCH = 2_000
const MANY_STEPS = 1_000
const NO_VALUE = new Uint8Array()

interface Size {
  readonly finished: number
  readonly live: number
  readonly rounds: number
}

interface Filled {
  readonly seconds: number
  readonly events: number
  readonly long: RunId
  /** Some of the runs, for looking at one. */
  readonly some: readonly RunId[]
}

async function fill(place: Place, { finished, live }: Size): Promise<Filled> {
  const maker = eventMaker(7, PARTITIONS)
  const offsets = new Array<number>(PARTITIONS).fill(0)
  const some: RunId[] = []
  let events = 0
  let seconds = 0
  const apply = async (runs: readonly MadeRun[]): Promise<void> => {
    const parts = partsOf(runs, offsets)
    const began = performance.now()
    await place.apply(parts)
    seconds += (performance.now() - began) / 1000
    for (const { records } of parts) events += records.length
    some.push(runs[0]!.runId)
  }
  for (let at = 0; at < finished; at += RUNS_PER_BATCH) {
    const count = Math.min(RUNS_PER_BATCH, finished - at)
    await apply(Array.from({ length: count }, (_, index) => maker.finished(at + index, finished)))
    if ((at / RUNS_PER_BATCH) % 50 === 49) progress(`  ${at + count} runs, ${Math.round(events / seconds)} events/s`)
  }
  for (let at = 0; at < live; at += RUNS_PER_BATCH) {
    const count = Math.min(RUNS_PER_BATCH, live - at)
    await apply(Array.from({ length: count }, (_, index) => maker.live(at + index, live)))
  }
  const long = maker.ofManySteps(MANY_STEPS)
  await apply([long])
  return { seconds, events, long: long.runId, some }
}

function partsOf(runs: readonly MadeRun[], offsets: number[]): Part[] {
  const from = [...offsets]
  const records = offsets.map((): Part['records'][number][] => [])
  for (const { runId, events } of runs) {
    const partition = homeOf(runId, PARTITIONS)
    for (const message of events) {
      records[partition]!.push({ offset: offsets[partition]!++, value: NO_VALUE, message })
    }
  }
  return records.map((own, partition) => ({
    partition,
    from: from[partition]!,
    nextOffset: offsets[partition]!,
    records: own,
  }))
}

type Ask = (model: ReadModel, round: number) => Promise<unknown>

const LIMIT = 50
const pick = <T>(values: readonly T[], at: number): T => values[at % values.length]!
const listed = (filter: (round: number) => Partial<RunFilter>, order: 'newest' | 'oldest' = 'newest'): Ask => {
  return (model, at) =>
    model.listRuns({ filter: { ...anyRun(BENCH_TENANT), ...filter(at) }, order, limit: LIMIT, cursor: null })
}

/** The tenth page of everything, and of the failed ones. */
const paged = (filter: Partial<RunFilter>): Ask => {
  let cursor: string | null = null
  let pages = 0
  return async (model) => {
    const query = { filter: { ...anyRun(BENCH_TENANT), ...filter }, order: 'newest', limit: LIMIT, cursor } as const
    const page: RunPage = await model.listRuns(query)
    cursor = ++pages % 100 === 0 ? null : page.next
  }
}

const FROM = BEGAN_MS
const day = (at: number) => ({ fromMs: FROM + ((at % 7) * WEEK_MS) / 7, toMs: FROM + (((at % 7) + 1) * WEEK_MS) / 7 })
const hour = (at: number) => {
  const fromMs = FROM + (((at * 37) % 168) * WEEK_MS) / 168
  return { fromMs, toMs: fromMs + 3_600_000 }
}

function questions({ long, some }: Filled): { readonly [name: string]: Ask } {
  const flow = (at: number): string => `flow-${(at * 7) % FLOWS}`
  return {
    newest: listed(() => ({})),
    oldest: listed(() => ({}), 'oldest'),
    'pages of all': paged({}),
    'pages of failed': paged({ status: 'failed' }),
    status: listed((at) => ({ status: pick(RUN_STATUSES, at) })),
    flow: listed((at) => ({ flow: flow(at) })),
    'flow and status': listed((at) => ({ flow: flow(at), status: pick(RUN_STATUSES, at >> 1) })),
    'flow and version': listed((at) => ({ flow: flow(at), version: 1 + (at % 4) })),
    'version that is not there': listed(() => ({ version: 99 })),
    'waiting for': listed((at) => ({ waitingFor: pick(WAIT_KINDS, at) })),
    'waiting step': listed((at) => ({
      waitingStep: `step-${at % 3}` as StepId,
      waitingFor: pick(WAIT_KINDS, at >> 1),
    })),
    'waiting for, in a flow': listed((at) => ({ waitingFor: pick(WAIT_KINDS, at), flow: flow(at) })),
    'metadata, rare': listed((at) => ({ metadata: [{ key: 'customer', value: `c-${(at * 31) % CUSTOMERS}` }] })),
    'metadata, frequent': listed((at) => ({ metadata: [{ key: 'region', value: `r-${at % 6}` }] })),
    'metadata, two, failed': listed((at) => ({
      status: 'failed',
      metadata: [
        { key: 'region', value: `r-${at % 5}` },
        { key: 'customer', value: `c-${(at * 31) % CUSTOMERS}` },
      ],
    })),
    'error code': listed((at) => ({ errorCode: pick(['HTTP_500', 'TIMEOUT', 'NONE'], at) })),
    'error code in a flow': listed((at) => ({ errorCode: 'HTTP_404', flow: flow(at) })),
    'accepted on a day': listed((at) => ({ accepted: day(at) })),
    'accepted on a day, failed': listed((at) => ({ accepted: day(at), status: 'failed', flow: flow(at) })),
    'finished in an hour': listed((at) => ({ finished: hour(at) }), 'oldest'),
    'finished in an hour, cancelled': listed((at) => ({ finished: hour(at), status: 'cancelled' })),
    'another tenant': (model, at) =>
      model.listRuns({
        filter: anyRun(`tenant-${at % 20}` as typeof BENCH_TENANT),
        order: 'newest',
        limit: LIMIT,
        cursor: null,
      }),
    'count all': (model) => model.countRuns(anyRun(BENCH_TENANT)),
    'count of a flow': (model, at) => model.countRuns({ ...anyRun(BENCH_TENANT), flow: flow(at) }),
    'count with metadata': (model, at) =>
      model.countRuns({ ...anyRun(BENCH_TENANT), metadata: [{ key: 'region', value: `r-${at % 5}` }] }),
    'letters, open': (model) => model.letters({ ...anyLetter(BENCH_TENANT, LIMIT), status: 'open' }),
    'letters of a code': (model, at) =>
      model.letters({ ...anyLetter(BENCH_TENANT, LIMIT), code: pick(['HTTP_500', 'NONE'], at) }),
    'letter groups': (model) => model.letterGroups(BENCH_TENANT),
    tenants: (model) => model.tenants(null, 100),
    'one run': (model, at) => model.getRun(BENCH_TENANT, pick(some, at)),
    'run of 1,000 steps': (model) => model.getRun(BENCH_TENANT, long),
    'events of 1,000 steps': (model) =>
      model.runEvents({ tenant: BENCH_TENANT, runId: long, after: null, limit: 1000 }),
  }
}

async function measure(name: string, place: Place, size: Size): Promise<object> {
  try {
    progress(`  ${name}: filling`)
    const filled = await fill(place, size)
    const model = await place.open()
    const p95: { [question: string]: number } = {}
    for (const [question, ask] of Object.entries(questions(filled))) {
      const samples: number[] = []
      for (let at = 0; at < size.rounds; at++) {
        const began = performance.now()
        await ask(model, at)
        samples.push(performance.now() - began)
      }
      const { p50, p95: high, max } = percentiles(samples)
      p95[question] = high
      progress(
        `  ${question.padEnd(32)} p50 ${String(p50).padStart(7)} ms  p95 ${String(high).padStart(7)} ms  max ${max} ms`,
      )
    }
    const { events, seconds } = filled
    return {
      events,
      projected_per_s: Math.round(events / seconds),
      p95_ms: p95,
      worst_p95_ms: Math.max(...Object.values(p95)),
    }
  } finally {
    await place.close()
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      database: { type: 'string' },
    },
  })
  const size = values.quick
    ? { finished: 50_000, live: 2_000, rounds: 50 }
    : { finished: 1_000_000, live: 10_000, rounds: Number(values.rounds ?? 200) }
  const postgres = values.database === 'postgres' || (values.database === undefined && (await findPostgres()) !== null)
  const results: { [database: string]: object } = {}
  if (values.database !== 'postgres') results['sqlite'] = await measure('SQLite', await sqlitePlace(PARTITIONS), size)
  if (postgres) results['postgres'] = await measure('Postgres', await postgresPlace(PARTITIONS), size)
  console.log(JSON.stringify({ finished: size.finished, live: size.live, ...results }))
}

await main()
