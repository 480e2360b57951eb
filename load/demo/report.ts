/** The report at the end of the demo, and the judgement whether everything that was accepted ended exactly once. */
import type { VerifyReport } from '../../topology/verify/report.ts'
import { percentiles } from '../measure/statistics.ts'
import type { Effect } from '../sink/ledger.ts'
import type { SinkCounts } from '../sink/sink.ts'
import type { FeedCounts } from './feed.ts'
import type { DemoHistory, RunHistory } from './history.ts'

export interface DemoFacts {
  readonly seconds: number
  readonly readyMs: number
  readonly kill: { readonly atMs: number; readonly readyAgainMs: number }
  readonly feed: FeedCounts
  readonly sink: SinkCounts
  readonly effects: readonly Effect[]
  readonly repeats: number
  /** What must have been delivered, each exactly once. */
  readonly expected: ReadonlySet<string>
  readonly replays: ReadonlyMap<string, number>
  readonly history: DemoHistory
  readonly verified: VerifyReport
}

export interface Judgement {
  readonly missing: readonly string[]
  readonly twice: readonly string[]
  readonly unexpected: readonly string[]
  readonly notEndedOnce: readonly string[]
  readonly ok: boolean
}

export function judge(facts: DemoFacts): Judgement {
  const times = new Map<string, number>()
  for (const { item } of facts.effects) times.set(item, (times.get(item) ?? 0) + 1)
  const missing = [...facts.expected].filter((item) => !times.has(item))
  const twice = [...times].filter(([, count]) => count > 1).map(([item]) => item)
  const unexpected = [...times.keys()].filter((item) => !facts.expected.has(item))
  const runs = [...facts.history.runs.values()]
  const notEndedOnce = runs.filter((run) => run.ends !== 1).map((run) => run.runId)
  const problems = [missing, twice, unexpected, notEndedOnce]
  return {
    missing,
    twice,
    unexpected,
    notEndedOnce,
    ok: facts.verified.ok && problems.every((list) => list.length === 0),
  }
}

export function renderReport(facts: DemoFacts, judgement: Judgement): string {
  return [
    'BEAMLINE DEMO',
    '',
    ...table('What went in', [
      ['films, as records of the ingest topic', number(facts.feed.produced)],
      ['flights, through the gateway', number(facts.feed.submitted)],
      ['  sent twice on purpose, recognised by their key', `${facts.feed.twice}, all`],
      ['calls without an answer, sent again until there was one', number(facts.feed.resent)],
    ]),
    ...table('What became of it', statusRows(facts)),
    ...table('How fast', speedRows(facts)),
    ...table('What went wrong and was dealt with', [
      ['calls the sink answered with 503', number(facts.sink.busy)],
      ['calls the sink let hang until the timeout', number(facts.sink.slow)],
      ['attempts retried', number(sum(facts.history, (run) => run.retries))],
      ['dead letters', number(facts.history.lettersStored)],
      ['  records that never became a run', number(facts.history.recordsRefused)],
      ...[...facts.replays].map(([what, letters]): Row => [`  ${what}`, number(letters)]),
    ]),
    ...table('kill -9 half-way', killRows(facts)),
    ...table('Verified', verifiedRows(facts, judgement)),
    judgement.ok
      ? 'Every accepted run ended exactly once, and every delivery was made exactly once.'
      : 'SOMETHING IS WRONG: see above.',
  ].join('\n')
}

type Row = readonly [label: string, value: string]

function table(title: string, rows: readonly Row[]): readonly string[] {
  return [title, ...rows.map(([label, value]) => `  ${label.padEnd(56)} ${value}`), '']
}

function statusRows({ history }: DemoFacts): readonly Row[] {
  const rows = new Map<string, Map<string, number>>()
  for (const run of history.runs.values()) {
    const name = run.replayOf === null ? run.flow : `${run.flow}, replayed`
    const counts = rows.get(name) ?? new Map<string, number>()
    counts.set(run.status, (counts.get(run.status) ?? 0) + 1)
    rows.set(name, counts)
  }
  return [...rows].sort().map(([name, counts]) => {
    const parts = [...counts].sort().map(([status, count]) => `${number(count)} ${status}`)
    return [`runs of ${name}`, parts.join(', ')]
  })
}

function speedRows({ history, seconds, readyMs }: DemoFacts): readonly Row[] {
  const runs = [...history.runs.values()].filter((run) => run.status === 'completed')
  const smooth = runs.filter((run) => run.retries === 0)
  const last = Math.max(...runs.map((run) => run.endedAtMs ?? 0))
  const first = Math.min(...runs.map((run) => run.acceptedAtMs))
  return [
    ['start of the engine, new folder', `${Math.round(readyMs)} ms`],
    ['runs completed per second (the feed is paced)', number(Math.round((runs.length / (last - first)) * 1000))],
    ['acceptance to end, runs without a retry', latency(smooth)],
    ['acceptance to end, all completed runs', latency(runs)],
    ['the whole demo', `${Math.round(seconds)} s`],
  ]
}

function latency(runs: readonly RunHistory[]): string {
  const { p50, p95, p99 } = percentiles(runs.map((run) => run.endedAtMs! - run.acceptedAtMs))
  return `p50 ${number(Math.round(p50))}, p95 ${number(Math.round(p95))}, p99 ${number(Math.round(p99))} ms`
}

function killRows({ history, kill, repeats }: DemoFacts): readonly Row[] {
  const under = [...history.runs.values()].filter(
    (run) => run.acceptedAtMs <= kill.atMs && (run.endedAtMs ?? 0) > kill.atMs,
  )
  return [
    ['ready again after', `${Math.round(kill.readyAgainMs)} ms`],
    ['runs that were under way and went on', number(under.length)],
    ['calls repeated under the same key, effect not repeated', number(repeats)],
  ]
}

function verifiedRows({ verified, effects, expected, history }: DemoFacts, judgement: Judgement): readonly Row[] {
  const rows: Row[] = [
    ['events read from the log', number(history.events)],
    [
      'runs accepted; ended exactly once',
      `${number(history.runs.size)}; ${number(history.runs.size - judgement.notEndedOnce.length)}`,
    ],
    ['deliveries expected; made, by the ledger of the sink', `${number(expected.size)}; ${number(effects.length)}`],
    [
      'missing, made twice, unexpected',
      `${judgement.missing.length}, ${judgement.twice.length}, ${judgement.unexpected.length}`,
    ],
    [
      'checker over all records, ledger and history',
      verified.ok ? 'no violation' : `${verified.violations.length} violations`,
    ],
  ]
  for (const { code, where, message } of verified.violations.slice(0, 5))
    rows.push([`  ${code}`, `${where}: ${message}`])
  for (const [what, items] of Object.entries(judgement)) {
    if (Array.isArray(items) && items.length > 0) rows.push([`  ${what}`, items.slice(0, 5).join(', ')])
  }
  return rows
}

function sum(history: DemoHistory, of: (run: RunHistory) => number): number {
  let total = 0
  for (const run of history.runs.values()) total += of(run)
  return total
}

function number(value: number): string {
  return value.toLocaleString('en-GB')
}
