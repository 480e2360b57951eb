/** The older gateway's routes and traces with two processes on a real Kafka: one has the gateway, the other one does the work. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { BeamlineProcess } from '../../load/process/beamline-process.ts'
import { freePort } from '../../load/process/free-ports.ts'
import type { RunId, StepId } from '../../schemas/ids.ts'
import { spanIdOfAttempt, spanIdOfRun } from '../../schemas/trace-context.ts'
import { type Collector, type ReceivedSpan, startCollector } from '../connectors/tracing/collector.ts'
import { describeWithKafka } from '../support/kafka.ts'

const CALLER = '00f067aa0ba902b7'
const WAIT = { timeout: 120_000, interval: 50 }
const TENANT = { 'x-tenant-id': 'acme' }
const traceparent = (traceId: string) => ({ traceparent: `00-${traceId}-${CALLER}-01` })

await describeWithKafka('on Kafka', (kafka) => {
  const folder = mkdtempSync(join(tmpdir(), 'beamline-older-'))
  const processes: BeamlineProcess[] = []
  let collector: Collector
  let url = ''

  async function spawn(roles: string, prefix: string): Promise<BeamlineProcess> {
    const port = await freePort()
    const env = {
      BEAMLINE_LOG: 'kafka',
      BEAMLINE_KAFKA_BROKERS: kafka.bootstrap.join(','),
      BEAMLINE_KAFKA_PREFIX: prefix,
      BEAMLINE_ROLES: roles,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_BSP_SCHEDULE_DELAY: '20',
      ...(roles.includes('gateway') ? {} : { BEAMLINE_HEALTH_PORT: String(port) }),
    }
    const dataFolder = join(folder, roles.slice(0, 5))
    const started = await BeamlineProcess.start({ dataFolder, port, env, readyWithinMs: 120_000 })
    processes.push(started)
    return started
  }

  beforeAll(async () => {
    collector = await startCollector()
    const prefix = `${kafka.unique('older')}.`
    const [gateway] = await Promise.all([spawn('gateway,read-model', prefix), spawn('tasks,execute:io', prefix)])
    url = gateway.url
  })
  afterAll(async () => {
    await Promise.all(processes.map((each) => each.kill()))
    await collector.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function call(method: string, path: string, body?: object, headers: { [name: string]: string } = {}) {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: response.status, body: (await response.json()) as { readonly [name: string]: unknown } }
  }

  const spansOf = (traceId: string): readonly ReceivedSpan[] =>
    collector.spans.filter((span) => span.traceId === traceId)
  const named = (traceId: string, name: string) =>
    collector.find((span) => span.traceId === traceId && span.name === name)

  it('a message is taken, carried out and found again, in the trace of its caller', async () => {
    const traceId = 'a'.repeat(31).concat('1')
    const message = { message_id: 'm-1', tenant_id: 'acme', message_type: 'note', payload: { text: 'hello' } }
    const sent = await call('POST', '/api/v1/messages', message, { ...TENANT, ...traceparent(traceId) })
    expect(sent).toMatchObject({ status: 201, body: { message_id: 'm-1' } })
    await vi.waitFor(async () => {
      const { body } = await call('GET', '/api/v1/messages/m-1', undefined, TENANT)
      expect(body).toMatchObject({ message_id: 'm-1', status: 'completed' })
    }, WAIT)
    const { body } = await call('GET', '/api/v1/messages', undefined, TENANT)
    expect(body.data).toMatchObject([{ message_id: 'm-1', status: 'completed' }])
    expect(await call('POST', '/api/v1/messages', { ...message, payload: 1 }, TENANT)).toMatchObject({ status: 409 })
    const run = await named(traceId, 'run beamline.message')
    const request = await named(traceId, 'gateway.http.request')
    expect([request.parentSpanId, run.parentSpanId]).toEqual([CALLER, request.spanId])
  })

  it('a decision is made by the other process, and remembered', async () => {
    const traceId = 'a'.repeat(31).concat('2')
    const asked = {
      version: '1',
      tenant_id: 'acme',
      request_id: 'r-1',
      idempotency_key: 'k',
      task: { type: 'http', payload: { url: 'https://example.com' } },
    }
    const decide = () => call('POST', '/api/v1/routes/decide', asked, { ...TENANT, ...traceparent(traceId) })
    const first = await decide()
    expect(first).toMatchObject({ status: 200, body: { ok: true, provider_id: 'beamline', reason: 'weighted' } })
    expect((await decide()).body).toEqual(first.body)
    await vi.waitFor(async () => {
      const found = await call('GET', '/api/v1/routes/decide/r-1', undefined, TENANT)
      expect(found).toMatchObject({ status: 200, body: { provider_id: 'beamline' } })
    }, WAIT)
    const run = await named(traceId, 'run beamline.decide')
    // each process sends its spans by itself, the run's may come before the request's
    const request = await collector.find((span) => span.traceId === traceId && span.spanId === run.parentSpanId)
    expect([request.name, request.parentSpanId]).toEqual(['gateway.http.request', CALLER])
  })

  it('a trace is whole from the submission through each attempt, over both processes', async () => {
    const called: unknown[] = []
    const server = createServer((request, response) => {
      called.push(request.headers.traceparent)
      response.writeHead(called.length === 1 ? 503 : 200, { 'content-type': 'application/json' }).end('{}')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const target = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const step = {
      type: 'http',
      with: { url: target },
      retry: { attempts: 3, backoff: 'fixed', base: '10ms', jitter: 0 },
    }
    const steps = [
      { id: 'first', ...step },
      { id: 'second', after: ['first'], ...step },
    ]
    expect((await call('POST', '/api/v1/flows', { flow: 'traced', steps })).status).toBeLessThan(300)
    const traceId = 'a'.repeat(31).concat('3')
    const { body } = await call('POST', '/api/v1/runs?wait=60s', { flow: 'traced', input: {} }, traceparent(traceId))
    expect(body.status).toBe('completed')
    server.close()
    const runId = body.run_id as RunId
    const attemptOf = (stepId: string, attempt: number) => spanIdOfAttempt({ runId, stepId: stepId as StepId, attempt })
    const attempts = [attemptOf('first', 1), attemptOf('first', 2), attemptOf('second', 1)]

    const run = await named(traceId, 'run traced')
    const request = await named(traceId, 'gateway.http.request')
    for (const id of attempts) await collector.find(({ spanId }) => spanId === id)
    expect(request.parentSpanId).toBe(CALLER)
    expect(run).toMatchObject({ spanId: spanIdOfRun(runId), parentSpanId: request.spanId, status: 0 })
    expect(spansOf(traceId)).toHaveLength(2 + attempts.length)
    const told = spansOf(traceId).filter(({ name }) => name.startsWith('attempt'))
    expect(told.map(({ spanId }) => spanId).toSorted()).toEqual(attempts.toSorted())
    expect(new Set(told.map(({ parentSpanId }) => parentSpanId))).toEqual(new Set([run.spanId]))
    expect(called).toEqual(attempts.map((id) => `00-${traceId}-${id}-01`))
    expect(run.resource['service.instance.id']).not.toBe(request.resource['service.instance.id'])
  })
})
