import type { VerifyReport } from '../../topology/verify/report.ts'
import type { Measured } from './stage.ts'

export interface PassReport {
  readonly seed: number
  readonly seconds: number
  readonly scenarios: readonly string[]
  readonly report: VerifyReport
  readonly accepted: { readonly http: number; readonly all: number }
  readonly unanswered: number
  readonly refusedForNow: number
  readonly effects: number
  /** Faults that were to strike and did not. */
  readonly neverStruck: readonly string[]
  readonly problems: readonly string[]
  readonly folder: string
}

export interface ChaosReport {
  readonly ok: boolean
  readonly seed: number
  readonly seconds: number
  /** Accepted runs whose whole history was checked. */
  readonly verified: number
  readonly lost: number
  readonly doubled: number
  readonly illegal: number
  /** Of all kinds, the three above among them. */
  readonly violations: number
  readonly struck: { readonly [what: string]: number }
  readonly neverStruck: readonly string[]
  readonly problems: readonly string[]
  readonly takeoverMs: Spread
  readonly rollingGapMs: Spread
  readonly brokerGapMs: Spread
  readonly handoverMs: Spread
  readonly recoveryMs: Spread
  readonly passes: readonly PassReport[]
}

export interface Spread {
  readonly count: number
  readonly median: number
  readonly longest: number
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b).map(Math.round)
  return { count: sorted.length, median: sorted[sorted.length >> 1] ?? 0, longest: sorted.at(-1) ?? 0 }
}

export function chaosReport(
  seed: number,
  seconds: number,
  passes: readonly PassReport[],
  struck: ReadonlyMap<string, number>,
  measured: Measured,
): ChaosReport {
  const sum = (of: (report: VerifyReport) => number): number => passes.reduce((all, { report }) => all + of(report), 0)
  const violations = sum(({ violationCounts }) => Object.values(violationCounts).reduce((all, each) => all + each, 0))
  const problems = passes.flatMap((pass) => pass.problems)
  const neverStruck = passes.flatMap((pass) => pass.neverStruck)
  return {
    ok: violations === 0 && problems.length === 0 && neverStruck.length === 0 && passes.length > 0,
    seed,
    seconds,
    verified: sum(({ accepted }) => accepted),
    lost: sum(({ lost }) => lost),
    doubled: sum(({ doubled }) => doubled),
    illegal: sum(({ illegalTransitions }) => illegalTransitions),
    violations,
    struck: Object.fromEntries([...struck].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    neverStruck,
    problems,
    takeoverMs: spreadOf(measured.takeoversMs),
    rollingGapMs: spreadOf(measured.rollingGapsMs),
    brokerGapMs: spreadOf(measured.brokerGapsMs),
    handoverMs: spreadOf(measured.handoversMs),
    recoveryMs: spreadOf(measured.recoveriesMs),
    passes,
  }
}

export function printable(report: ChaosReport): string {
  const spread = ({ count, median, longest }: Spread): string =>
    count === 0 ? 'not measured' : `median ${median} ms, longest ${longest} ms (${count})`
  const endings = report.passes.map(({ report: { ended, rejected } }) => ({ ...ended, rejected }))
  const total = (name: keyof (typeof endings)[number]): number => endings.reduce((all, each) => all + each[name], 0)
  const lines = [
    '',
    `${report.ok ? 'ok' : 'FAILED'}: ${report.verified} runs verified in ${report.seconds} s, seed ${report.seed}`,
    `  lost ${report.lost}, doubled ${report.doubled}, illegal ${report.illegal}, violations in all ${report.violations}`,
    `  completed ${total('completed')}, failed ${total('failed')}, cancelled ${total('cancelled')}, timed out ${total('timed_out')}, rejected ${total('rejected')}`,
    `  takeover after kill -9: ${spread(report.takeoverMs)}`,
    `  longest gap in completions, processes restarted in turn: ${spread(report.rollingGapMs)}`,
    `  longest gap in completions, brokers restarted in turn: ${spread(report.brokerGapMs)}`,
    `  SIGTERM to exit of a process with tasks: ${spread(report.handoverMs)}`,
    `  whole again after a scenario: ${spread(report.recoveryMs)}`,
    '  struck:',
    ...Object.entries(report.struck).map(([what, times]) => `    ${String(times).padStart(6)}  ${what}`),
    ...report.neverStruck.map((what) => `  NEVER STRUCK: ${what}`),
    ...report.problems.map((what) => `  PROBLEM: ${what}`),
    ...report.passes.flatMap(({ report: { violations } }) =>
      violations.slice(0, 20).map(({ code, where, message }) => `  VIOLATION ${code}: ${where}: ${message}`),
    ),
  ]
  return lines.join('\n')
}
