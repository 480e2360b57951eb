import { describe, expect, it } from 'vitest'
import { plotSvg, short } from '../../../load/k6/plot.ts'
import { type ReportInput, reportHtml } from '../../../load/k6/report.ts'
import { commitQuantile, sampleOf } from '../../../load/k6/sampler.ts'
import { accountOf, type MetricSummary, parseSeries, type Summary, thresholdsOf } from '../../../load/k6/summary.ts'

const METRICS = `# HELP process_cpu_seconds_total CPU.
process_cpu_seconds_total 12.5
process_resident_memory_bytes 200000000
beamline_runs{status="accepted"} 2
beamline_runs{status="running"} 3
beamline_runs{status="completed"} 40
beamline_runs{status="failed"} 1
beamline_task_commit_seconds_bucket{le="0.001"} 10
beamline_task_commit_seconds_bucket{le="0.01"} 90
beamline_task_commit_seconds_bucket{le="+Inf"} 100
`

describe('a sample', () => {
  const sample = sampleOf(METRICS, 7)

  it('is taken from the metrics', () => {
    expect(sample).toEqual({
      second: 7,
      cpuSeconds: 12.5,
      memoryBytes: 200_000_000,
      openRuns: 5,
      endedRuns: 41,
      commits: [
        [0.001, 10],
        [0.01, 90],
        [Number.POSITIVE_INFINITY, 100],
      ],
    })
    expect(sampleOf('', 1)).toEqual({
      second: 1,
      cpuSeconds: 0,
      memoryBytes: 0,
      openRuns: 0,
      endedRuns: 0,
      commits: [],
    })
  })

  it.each([
    [0.05, 0.001],
    [0.5, 0.01],
    [0.99, 0.01],
  ])('says below what the share %d of the commits since another one lies', (share, expected) => {
    expect(commitQuantile(sampleOf('', 6), sample, share)).toBe(expected)
    expect(commitQuantile(sample, sample, share)).toBeNull()
  })
})

const count = (value: number): MetricSummary => ({ type: 'counter', values: { count: value, rate: 1 } })

function summaryOf(accepted: number, terminal: number, unknown: number, ok = true): Summary {
  return {
    state: { testRunDurationMs: 10_000 },
    metrics: {
      beamline_accepted: count(accepted),
      beamline_terminal: count(terminal),
      beamline_unknown: { ...count(unknown), thresholds: { 'count==0': { ok } } },
    },
  }
}

describe('the account', () => {
  it.each([
    [10, 10, 0, true],
    [10, 9, 0, false],
    [10, 11, 0, false],
    // a submission without an answer may have been accepted
    [10, 11, 1, true],
    [10, 12, 1, false],
  ])('of %i accepted, %i ended, %i unknown', (accepted, terminal, unknown, balanced) => {
    expect(accountOf(summaryOf(accepted, terminal, unknown))).toMatchObject({ accepted, terminal, balanced })
  })
})

describe('a report', () => {
  const input: ReportInput = {
    test: 'load',
    startedAt: new Date(0),
    facts: [['RATE', '<b>5</b>']],
    summary: summaryOf(10, 10, 0),
    series: parseSeries(
      '{"second":2,"metric":"beamline_accepted","value":5}\n{"second":1,"metric":"beamline_accepted","value":4}\n',
    ),
    samples: [],
  }

  it('says how it went, and draws what there is', () => {
    const html = reportHtml(input)
    expect(html).toContain('every accepted run has ended')
    expect(html).toContain('load: <span class="">passed')
    expect(html).toContain('&lt;b&gt;5&lt;/b&gt;')
    expect(html.match(/<svg /g)).toHaveLength(1)
  })

  it.each([
    ['a broken threshold', summaryOf(10, 10, 0, false)],
    ['a run that has not ended', summaryOf(10, 9, 0)],
  ])('fails with %s', (_what, summary) => {
    expect(reportHtml({ ...input, summary })).toContain('load: <span class="bad">failed')
  })

  it('lists thresholds', () => {
    expect(thresholdsOf(summaryOf(1, 1, 1, false))).toEqual([
      { metric: 'beamline_unknown', rule: 'count==0', ok: false },
    ])
  })
})

describe('a plot', () => {
  const line = (points: [number, number][]) =>
    plotSvg({ title: 't', unit: 'u', lines: [{ name: 'a<b', points }], bound: 4 })

  it('scales to what it shows, and breaks the line where nothing was measured', () => {
    const svg = line([
      [0, 0],
      [1, 9],
      [20, 10],
    ])
    const [path] = /d="[^"]+"/.exec(svg)!
    expect(path).toMatch(/^d="M64 194L104 \d+(\.\d+)?M864 30"$/)
    expect(svg).toContain('a&lt;b')
    expect(svg).toContain('stroke-dasharray')
  })

  it('is drawn without points', () => {
    expect(line([])).not.toContain('NaN')
  })

  it.each([
    [0.123, '0.12'],
    [12_345, '12.35k'],
    [2_500_000, '2.5M'],
    [3e9, '3G'],
  ])('writes %d as %s', (value, text) => {
    expect(short(value)).toBe(text)
  })
})
