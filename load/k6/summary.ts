/** What k6 hands over at the end of a test (`scripts/lib/summary.js`), and its series of one line a second (`xk6/series.go`). */

export interface MetricSummary {
  readonly type: 'trend' | 'counter' | 'gauge' | 'rate'
  readonly values: { readonly [name: string]: number }
  readonly thresholds?: { readonly [rule: string]: { readonly ok: boolean } }
}

export interface Summary {
  readonly metrics: { readonly [name: string]: MetricSummary }
  readonly state: { readonly testRunDurationMs: number }
}

export interface SeriesLine {
  readonly second: number
  readonly metric: string
  readonly scenario?: string
  readonly value: number
  readonly p50?: number
  readonly p95?: number
  readonly p99?: number
  readonly max?: number
}

export function parseSeries(text: string): SeriesLine[] {
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as SeriesLine).sort((a, b) => a.second - b.second)
}

export interface Account {
  readonly accepted: number
  readonly terminal: number
  readonly refused: number
  readonly unknown: number
  /** Every accepted run has ended; runs whose submission had no clear answer may have been accepted too. */
  readonly balanced: boolean
}

export function accountOf({ metrics }: Summary): Account {
  const count = (name: string): number => metrics[name]?.values['count'] ?? 0
  const [accepted, terminal, refused, unknown] = ['accepted', 'terminal', 'refused', 'unknown'].map((name) =>
    count(`beamline_${name}`),
  ) as [number, number, number, number]
  const more = terminal - accepted
  return { accepted, terminal, refused, unknown, balanced: more >= 0 && more <= unknown }
}

export interface Threshold {
  readonly metric: string
  readonly rule: string
  readonly ok: boolean
}

export function thresholdsOf({ metrics }: Summary): readonly Threshold[] {
  return Object.entries(metrics).flatMap(([metric, { thresholds = {} }]) =>
    Object.entries(thresholds).map(([rule, { ok }]) => ({ metric, rule, ok })),
  )
}
