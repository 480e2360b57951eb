/** Prometheus itself judges each alert rule: on series that must fire it, and on some that are near but must not. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'

const RULES = fileURLToPath(new URL('../../docs/operations/alerts.yml', import.meta.url))
const hasPromtool = spawnSync('promtool', ['--version']).error === undefined
const folder = mkdtempSync(join(tmpdir(), 'beamline-alerts-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface Rule {
  readonly alert: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly action: string }
}
const document = parse(readFileSync(RULES, 'utf8')) as {
  readonly groups: readonly { readonly rules: readonly Rule[] }[]
}
const rules = document.groups.flatMap((group) => group.rules)

/** Values a minute, as Prometheus writes them: `0+60x60` grows by 60 for an hour. */
type Series = { readonly [series: string]: string }

const AT = 'instance="a:1",job="beamline"'
/** `slow` of 100 observations a minute are in the highest bucket. */
const slow = (metric: string, limit: string, share: number, labels = AT): Series => ({
  [`${metric}_bucket{${labels},le="${limit}"}`]: `0+${100 - share}x60`,
  [`${metric}_bucket{${labels},le="60"}`]: '0+100x60',
  [`${metric}_bucket{${labels},le="+Inf"}`]: '0+100x60',
})
const requests = (failed: number): Series => ({
  [`gateway_http_requests_total{${AT},status="202"}`]: `0+${1000 - failed}x60`,
  [`gateway_http_requests_total{${AT},status="503"}`]: `0+${failed}x60`,
})
const phases = (running: string, other: string): Series => ({
  'beamline_task_phase{instance="a:1",task="0",phase="running"}': running,
  'beamline_task_phase{instance="b:1",task="0",phase="running"}': '0x60',
  'beamline_task_phase{instance="a:1",task="0",phase="opening"}': other,
})
const steps = (failed: string, timedOut: string): Series => ({
  [`task_received{${AT},pool="io",block="http"}`]: '0+100x60',
  [`task_received{${AT},pool="io",block="echo"}`]: '0+100x60',
  ...(failed === '' ? {} : { [`task_failed{${AT},pool="io",block="http",error_code="HTTP_ERROR"}`]: failed }),
  ...(timedOut === '' ? {} : { [`task_timeout{${AT},pool="io",block="http"}`]: timedOut }),
})
const undecided = (waiting: string, commits: string): Series => ({
  [`beamline_undecided_submissions{${AT}}`]: waiting,
  [`beamline_undecided_submissions{instance="gateway:1",job="beamline"}`]: waiting,
  [`beamline_task_commits_total{${AT}}`]: commits,
  [`beamline_task_commits_total{instance="gateway:1",job="beamline"}`]: '0x60',
})
const pool = (running: string): Series => ({
  [`tasks_in_progress{${AT},pool="io"}`]: running,
  [`beamline_pool_capacity{${AT},pool="io"}`]: '256x60',
})
const one = (series: string, values: string): Series => ({ [`${series}`]: values })

/** An hour of each; what fires must do so at its end, what is silent must not have fired then or half-way. */
const CASES: { readonly [alert: string]: { readonly fires: readonly Series[]; readonly silent: readonly Series[] } } = {
  BeamlineDown: {
    fires: [one(`up{${AT}}`, '0x60')],
    silent: [one(`up{${AT}}`, '1x60'), one('up{job="other"}', '0x60')],
  },
  BeamlineTaskNotRunning: {
    fires: [phases('0x60', '1x60')],
    silent: [phases('1x60', '0x60'), phases('1x26 0 0 1x32', '0x60')],
  },
  BeamlineTaskReopening: {
    fires: [one(`beamline_task_reopened_total{${AT},task="0"}`, '0+1x60')],
    silent: [one(`beamline_task_reopened_total{${AT},task="0"}`, '0x20 1x40')],
  },
  BeamlineLagging: {
    fires: [slow('beamline_task_lag_seconds', '10', 10)],
    silent: [slow('beamline_task_lag_seconds', '10', 2), slow('beamline_task_lag_seconds', '5', 0)],
  },
  BeamlineNotDeciding: {
    fires: [undecided('5x60', '7x60')],
    silent: [undecided('5x60', '7+1x60'), undecided('0x60', '7x60')],
  },
  BeamlineCommitsSlow: {
    fires: [slow('beamline_task_commit_seconds', '0.25', 10)],
    silent: [slow('beamline_task_commit_seconds', '0.25', 2)],
  },
  BeamlineNoWorkers: {
    fires: [one(`beamline_backlog_steps{${AT},reason="worker"}`, '3x60')],
    silent: [
      one(`beamline_backlog_steps{${AT},reason="worker"}`, '0x28 3 3 0x30'),
      one(`beamline_backlog_steps{${AT},reason="slot"}`, '3x60'),
    ],
  },
  BeamlinePoolFull: { fires: [pool('256x60')], silent: [pool('200x60'), pool('0x25 256x5 0x30')] },
  BeamlineStepsFailing: {
    fires: [steps('0+20x60', ''), steps('', '0+20x60'), steps('0+6x60', '0+6x60')],
    silent: [steps('0+5x60', '0+2x60'), steps('', '')],
  },
  BeamlineOrphanedSteps: {
    fires: [one(`beamline_orphaned_steps{${AT},pool="cpu"}`, '1x60')],
    silent: [one(`beamline_orphaned_steps{${AT},pool="cpu"}`, '0x25 1x5 0x30')],
  },
  BeamlineDeadLetters: {
    fires: [one(`router_intake_dlq_messages_total{${AT},reason="RECORD_CORRUPT"}`, '0x50 4x10')],
    silent: [one(`router_intake_dlq_messages_total{${AT},reason="RECORD_CORRUPT"}`, '4x60')],
  },
  BeamlineOpenDeadLetters: {
    fires: [one(`beamline_dead_letters{${AT},status="open"}`, '1001x60')],
    silent: [
      one(`beamline_dead_letters{${AT},status="open"}`, '1000x60'),
      one(`beamline_dead_letters{${AT},status="replayed"}`, '5000x60'),
    ],
  },
  BeamlineDeadLettersLost: {
    fires: [one(`beamline_dead_letters_evicted_total{${AT}}`, '0x50 1x10')],
    silent: [one(`beamline_dead_letters_evicted_total{${AT}}`, '1x60')],
  },
  BeamlineReadModelBehind: {
    fires: [one(`beamline_read_model_lag_events{${AT}}`, '20000x60')],
    silent: [
      one(`beamline_read_model_lag_events{${AT}}`, '9000x60'),
      one(`beamline_read_model_lag_events{${AT}}`, '0x28 20000 20000 0x30'),
    ],
  },
  BeamlineRequestsFailing: { fires: [requests(10)], silent: [requests(4), requests(0)] },
  BeamlineRequestsSlow: {
    fires: [slow('gateway_http_request_duration_seconds', '1', 10, `${AT},method="POST"`)],
    silent: [
      slow('gateway_http_request_duration_seconds', '1', 2, `${AT},method="POST"`),
      slow('gateway_http_request_duration_seconds', '1', 10, `${AT},method="GET"`),
    ],
  },
  BeamlineEventLoopBlocked: {
    fires: [one(`nodejs_eventloop_lag_p99_seconds{${AT}}`, '0.5x60')],
    silent: [one(`nodejs_eventloop_lag_p99_seconds{${AT}}`, '0.1x60')],
  },
}

function testOf(alert: string, series: Series, fires: boolean): object {
  const expr = `count(ALERTS{alertname="${alert}",alertstate="firing"}) > bool 0`
  return {
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    promql_expr_test: (fires ? ['60m'] : ['30m', '60m']).map((eval_time) => ({
      expr,
      eval_time,
      exp_samples: fires ? [{ labels: '{}', value: 1 }] : [],
    })),
  }
}

/** What promtool says; empty if all is as expected. */
function judged(tests: readonly object[]): string {
  const file = join(folder, 'tests.yml')
  // JSON is YAML
  writeFileSync(file, JSON.stringify({ rule_files: [RULES], evaluation_interval: '1m', tests }))
  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8' })
  return status === 0 ? '' : `${stdout}${stderr}`
}

describe('alert rules', () => {
  it('have a severity, a summary, something to do, and a test each', () => {
    expect(rules.map(({ alert }) => alert)).toEqual(Object.keys(CASES))
    for (const { labels, annotations } of rules) {
      expect(['critical', 'warning']).toContain(labels.severity)
      expect(annotations.summary).not.toBe('')
      expect(annotations.action).not.toBe('')
    }
  })

  it.skipIf(!hasPromtool)('are understood by Prometheus', () => {
    expect(execFileSync('promtool', ['check', 'rules', RULES], { encoding: 'utf8' })).toMatch(
      `${rules.length} rules found`,
    )
  })

  it.skipIf(!hasPromtool).each(Object.entries(CASES))(
    '%s fires when it should, and else not',
    (alert, { fires, silent }) => {
      expect(
        judged([
          ...fires.map((series) => testOf(alert, series, true)),
          ...silent.map((series) => testOf(alert, series, false)),
        ]),
      ).toBe('')
      // what is silent must be seen to be wrong where it is expected to fire
      expect(judged(silent.map((series) => testOf(alert, series, true)))).not.toBe('')
    },
  )
})
