import { describe, expect, it } from 'vitest'
import { createExecutorMetrics } from '../../../connectors/metrics/executor-metrics.ts'
import { createGatewayMetrics, createRegistry, gaugeOf } from '../../../connectors/metrics/metrics.ts'
import { createTaskMetrics } from '../../../connectors/metrics/task-metrics.ts'
import { DEFAULT_TENANT } from '../../../schemas/ids.ts'
import { type ExecutorObserver, type FinishedStep, SILENT_OBSERVER } from '../../../topology/executor/observer.ts'

const registry = () => createRegistry({ processMetrics: false })
const stats = { taskId: 1, records: 3, emitted: 9, fused: 6, writes: 12, decideMs: 2, commitMs: 4, lagMs: 20 }
const step: FinishedStep = {
  pool: 'io',
  block: 'http',
  tenant: DEFAULT_TENANT,
  status: 'success',
  errorCode: null,
  durationMs: 20,
  waitedMs: 2,
}

describe('metrics', () => {
  it('count requests by method, route and status', async () => {
    const metrics = createGatewayMetrics(registry())
    metrics.observeRequest('POST', '/api/v1/runs', 202, 0.002)
    metrics.observeRequest('POST', '/api/v1/runs', 202, 0.2)
    metrics.observeRequest('POST', '/api/v1/runs', 429, 0.001)
    const text = await metrics.render()
    expect(text).toMatch('gateway_http_requests_total{method="POST",path="/api/v1/runs",status="202"} 2')
    expect(text).toMatch('gateway_http_requests_total{method="POST",path="/api/v1/runs",status="429"} 1')
    expect(text).toMatch('gateway_http_request_duration_seconds_count{method="POST",path="/api/v1/runs"} 3')
  })

  it('count what tasks do, under the names the older dashboards know where there is one', async () => {
    const own = registry()
    const observer = createTaskMetrics(own)
    observer.committed(stats)
    observer.committed(stats)
    observer.counted(1, 'sticky_hits', 2)
    observer.counted(1, 'late_results_dropped', 1)
    observer.deadLettered(1, 'ingest', 7, 'SCHEMA_UNKNOWN', 'what is this')
    observer.phase(1, 'restoring')
    observer.phase(1, 'running')
    observer.restored(1, { keys: 1000, durationMs: 250, fromSnapshot: true })
    const text = await own.metrics()
    for (const line of [
      'beamline_task_records_total 6',
      'beamline_task_commits_total 2',
      'beamline_task_commit_seconds_count 2',
      'router_sticky_hits_total 2',
      'beamline_late_results_dropped_total 1',
      'router_intake_dlq_messages_total{reason="SCHEMA_UNKNOWN"} 1',
      'beamline_task_phase{task="1",phase="restoring"} 0',
      'beamline_task_phase{task="1",phase="running"} 1',
      'beamline_task_restore_seconds{task="1"} 0.25',
    ]) {
      expect(text).toMatch(line)
    }
  })

  it('count what executors do, with a bound on error codes', async () => {
    const own = registry()
    const observer = createExecutorMetrics(own)
    observer.started('io', 'http')
    observer.finished(step)
    observer.finished({ ...step, status: 'timeout', errorCode: 'TIMEOUT' })
    for (let code = 0; code < 250; code++) observer.finished({ ...step, status: 'error', errorCode: `E${code}` })
    observer.load('io', { queued: 4, running: 2, orphans: 0, unreportedBytes: 9, partitions: 3 })
    observer.carriedForward('io', 0, 5)
    const text = await own.metrics()
    expect(text).toMatch('task_received{pool="io",block="http"} 1')
    expect(text).toMatch('task_completed{pool="io",block="http"} 1')
    expect(text).toMatch('task_timeout{pool="io",block="http"} 1')
    expect(text).toMatch('task_failed{pool="io",block="http",error_code="other"} 50')
    expect(text).toMatch('tasks_in_progress{pool="io"} 2')
    expect(text).toMatch('beamline_executor_events_total{pool="io",event="carried_forward"} 5')
  })

  it('pass everything on', () => {
    const told: string[] = []
    const record = (name: string) => () => void told.push(name)
    const next: ExecutorObserver = {
      ...SILENT_OBSERVER,
      started: record('started'),
      finished: record('finished'),
      rejoining: record('rejoining'),
    }
    const observer = createExecutorMetrics(registry(), next)
    observer.started('io', 'http')
    observer.finished(step)
    observer.rejoining('io', new Error('gone'))
    expect(told).toEqual(['started', 'finished', 'rejoining'])
  })

  it('ask for a gauge when they are read', async () => {
    const own = registry()
    let value = 1
    gaugeOf(own, 'beamline_example', 'An example.', () => value)
    value = 7
    expect(await own.metrics()).toMatch('beamline_example 7')
  })
})
