/** The report of a load test: one HTML file with everything in it. */
import { escaped, type Line, type Plot, plotSvg, short } from './plot.ts'
import { commitQuantile, type Sample } from './sampler.ts'
import { accountOf, type SeriesLine, type Summary, thresholdsOf } from './summary.ts'

export interface ReportInput {
  readonly test: string
  readonly startedAt: Date
  /** What the test was told, and what it ran on. */
  readonly facts: readonly (readonly [name: string, value: string])[]
  readonly summary: Summary
  readonly series: readonly SeriesLine[]
  readonly samples: readonly Sample[]
}

export function reportHtml(input: ReportInput): string {
  const { test, startedAt, facts, summary } = input
  const account = accountOf(summary)
  const failed = thresholdsOf(summary).filter(({ ok }) => !ok).length
  const verdict = failed === 0 && account.balanced ? 'passed' : 'failed'
  const plots = plotsOf(input).filter(({ lines }) => lines.some(({ points }) => points.length > 1))
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(test)}: ${verdict}</title>
<style>body{font:14px/1.5 sans-serif;margin:2rem auto;max-width:920px;color:#111827}table{border-collapse:collapse;margin:1rem 0}
td,th{border:1px solid #e5e7eb;padding:.2rem .6rem;text-align:left}td.n{text-align:right;font-variant-numeric:tabular-nums}.bad{color:#b91c1c;font-weight:600}svg{margin:.5rem 0}</style></head>
<body><h1>${escaped(test)}: <span class="${verdict === 'passed' ? '' : 'bad'}">${verdict}</span></h1>
<p>${escaped(startedAt.toISOString())}, ${Math.round(summary.state.testRunDurationMs / 1000)} s.
Accepted ${account.accepted}, ended ${account.terminal}, refused ${account.refused}, without a clear answer ${account.unknown}:
<span class="${account.balanced ? '' : 'bad'}">${account.balanced ? 'every accepted run has ended' : 'accepted and ended differ'}</span>.</p>
${table(
  ['', ''],
  facts.map(([name, value]) => [escaped(name), escaped(value)]),
)}
<h2>Thresholds</h2>
${table(
  ['metric', 'bound', ''],
  thresholdsOf(summary).map(({ metric, rule, ok }) => [
    escaped(metric),
    escaped(rule),
    ok ? 'kept' : '<span class="bad">broken</span>',
  ]),
)}
<h2>Figures</h2>
${table(['metric', 'p50', 'p95', 'p99', 'max', 'count', 'per s', 'value'], figures(summary))}
<h2>Course</h2>
${plots.map(plotSvg).join('\n')}
</body></html>
`
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const head = heads.some((text) => text !== '') ? `<tr>${heads.map((text) => `<th>${text}</th>`).join('')}</tr>` : ''
  const cell = (text: string, index: number): string => `<td${index === 0 ? '' : ' class="n"'}>${text}</td>`
  return `<table>${head}${rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('')}</table>`
}

/** Ours, and what k6 says of requests. */
const SHOWN = /^(beamline_|http_req_duration|http_reqs|dropped_iterations|checks|data_)/

function figures({ metrics }: Summary): string[][] {
  const value = (values: { readonly [name: string]: number }, name: string): string =>
    values[name] === undefined ? '' : short(values[name])
  return Object.entries(metrics)
    .filter(([name]) => SHOWN.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { values }]) => {
      const columns = ['med', 'p(95)', 'p(99)', 'max', 'count', 'rate', 'value']
      return [escaped(name), ...columns.map((column) => value(values, column))]
    })
}

function plotsOf({ series, samples }: ReportInput): Plot[] {
  const start = Math.min(series[0]?.second ?? Number.POSITIVE_INFINITY, samples[0]?.second ?? Number.POSITIVE_INFINITY)
  const from = (metric: string, field: 'value' | 'p50' | 'p95' | 'p99' | 'max', name: string): Line => ({
    name,
    points: totals(series, metric, field).map(([second, value]) => [second - start, value]),
  })
  const percentiles = (metric: string): Line[] =>
    (['p50', 'p95', 'p99'] as const).map((field) => from(metric, field, field))
  const trend = (metric: string, title: string, bound?: number): Plot => ({
    title,
    unit: 'ms',
    lines: percentiles(metric),
    ...(bound === undefined ? {} : { bound }),
  })
  const between = (name: string, value: (before: Sample, after: Sample) => number | null): Line => ({
    name,
    points: samples.slice(1).flatMap((after, index) => {
      const found = value(samples[index]!, after)
      return found === null ? [] : [[after.second - start, found] as const]
    }),
  })
  const perSecond = (of: (sample: Sample) => number) => (before: Sample, after: Sample) =>
    (of(after) - of(before)) / (after.second - before.second)
  return [
    {
      title: 'Submissions and ended runs',
      unit: 'per second',
      lines: [
        from('beamline_accepted', 'value', 'accepted'),
        from('beamline_refused', 'value', 'refused'),
        between(
          'ended',
          perSecond((sample) => sample.endedRuns),
        ),
      ],
    },
    trend('beamline_acceptance', 'Time to acceptance', 25),
    trend('beamline_event_latency', 'Events to clients', 500),
    trend('beamline_quiet_run', 'Runs of the quiet tenant'),
    trend('beamline_produce', 'Time to produce a batch'),
    { title: 'Runs that have not ended', unit: 'runs', lines: [between('open', (_before, after) => after.openRuns)] },
    {
      title: 'Commits',
      unit: 'ms, upper bound',
      lines: ([0.5, 0.95, 0.99] as const).map((share) =>
        between(`p${share * 100}`, (before, after) => thousand(commitQuantile(before, after, share))),
      ),
    },
    {
      title: 'CPU of the server',
      unit: 'cores',
      lines: [
        between(
          'cpu',
          perSecond((sample) => sample.cpuSeconds),
        ),
      ],
    },
    { title: 'Memory of the server', unit: 'bytes', lines: [between('rss', (_before, after) => after.memoryBytes)] },
  ]
}

const thousand = (value: number | null): number | null => (value === null ? null : value * 1000)

/** Over all scenarios: counts are added, of latencies the worst is taken. */
function totals(
  series: readonly SeriesLine[],
  metric: string,
  field: 'value' | 'p50' | 'p95' | 'p99' | 'max',
): [number, number][] {
  const found = new Map<number, number>()
  for (const line of series) {
    if (line.metric !== metric) continue
    const value = line[field] ?? 0
    const before = found.get(line.second)
    found.set(line.second, before === undefined ? value : field === 'value' ? before + value : Math.max(before, value))
  }
  return [...found]
}
