/** A real process sends real spans to a collector. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { realEnvironment as environment } from '../../../connectors/environment.ts'
import { createLogger } from '../../../connectors/logging/logger.ts'
import { type BeamlineNode, startBeamline } from '../../../main.ts'
import type { RunId, StepId } from '../../../schemas/ids.ts'
import { spanIdOfAttempt, spanIdOfRun } from '../../../schemas/trace-context.ts'
import { type Collector, type ReceivedSpan, startCollector } from './collector.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const OTHER_TRACE = '0af7651916cd43dd8448eb211c80319c'
const CALLER = '00f067aa0ba902b7'

/** What steps call: answers with the first status that is left, then with 200; tells who waits for a call. */
const called: { readonly path: string; readonly traceparent: string | undefined }[] = []
let statuses: number[] = []
const server = createServer((request, response) => {
  called.push({ path: request.url!, traceparent: request.headers.traceparent as string | undefined })
  response.writeHead(statuses.shift() ?? 200, { 'content-type': 'application/json' }).end('{}')
})
let target = ''
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  target = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

let folder = ''
let collector: Collector
let node: BeamlineNode
const logged: string[] = []

async function start(share = 1): Promise<void> {
  node = await startBeamline({
    dataFolder: folder,
    port: 0,
    partitions: 2,
    tracing: {
      endpoint: collector.url,
      headers: { authorization: 'Bearer 1' },
      share,
      service: 'test',
      attributes: {},
    },
    logger: createLogger({
      environment,
      level: 'debug',
      format: 'json',
      output: { write: (line) => logged.push(line) },
    }),
    blocks: { egress: { allow: ['127.0.0.1'] } },
  })
}

beforeEach(async () => {
  // spans leave at once instead of every 5 s
  vi.stubEnv('OTEL_BSP_SCHEDULE_DELAY', '20')
  folder = mkdtempSync(join(tmpdir(), 'beamline-tracing-'))
  collector = await startCollector()
  called.length = 0
  logged.length = 0
  statuses = []
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await node.close()
  await collector.close()
  rmSync(folder, { recursive: true, force: true })
})

async function post(path: string, body: unknown, headers: { [name: string]: string } = {}): Promise<Answer> {
  const response = await fetch(`${node.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  return { status: response.status, ...((await response.json()) as object) } as Answer
}
/** Resolves once the API knows the end of the run: its span may be there before. */
async function shown(runId: RunId): Promise<void> {
  const status = async () => ((await (await fetch(`${node.url}/api/v1/runs/${runId}`)).json()) as Answer).status
  await expect.poll(status).toBe('completed')
}

interface Answer {
  readonly status: number | string
  readonly run_id: RunId
}

/** Two steps; the first is tried again after `backoff`. */
async function publish(backoff = '10ms'): Promise<void> {
  const call = (path: string) => ({ type: 'http', with: { url: `${target}/${path}`, method: 'POST' } })
  const steps = [
    { id: 'first', ...call('first'), retry: { attempts: 3, backoff: 'fixed', base: backoff, jitter: 0 } },
    { id: 'second', after: ['first'], ...call('second') },
  ]
  expect(await post('/api/v1/flows', { flow: 'traced', steps })).not.toHaveProperty('error')
}

const attemptOf = (runId: RunId, stepId: string, attempt: number): string =>
  spanIdOfAttempt({ runId, stepId: stepId as StepId, attempt })

describe('a run', () => {
  it('is one trace, from the caller over each attempt to what the attempts ask for', async () => {
    await start()
    await publish()
    statuses = [503]
    const { run_id: runId } = await post(
      '/api/v1/runs?wait=60s',
      { flow: 'traced', input: {} },
      { traceparent: `00-${TRACE}-${CALLER}-01` },
    )
    await node.close()
    const spans = collector.spans.filter(({ traceId }) => traceId === TRACE)
    const request = spans.find(({ name }) => name === 'gateway.http.request')!
    expect(request).toMatchObject({
      parentSpanId: CALLER,
      attributes: { 'http.route': '/api/v1/runs', 'http.response.status_code': 200, 'beamline.run_id': runId },
      resource: { 'service.name': 'test' },
    })
    const run = spans.find(({ name }) => name === 'run traced')!
    expect(run).toMatchObject({ spanId: spanIdOfRun(runId), parentSpanId: request.spanId, status: 0, links: [] })
    const attempts = spans.filter(({ name }) => name.startsWith('attempt '))
    expect(attempts.map(({ spanId, parentSpanId }) => [spanId, parentSpanId])).toEqual([
      [attemptOf(runId, 'first', 1), run.spanId],
      [attemptOf(runId, 'first', 2), run.spanId],
      [attemptOf(runId, 'second', 1), run.spanId],
    ])
    expect(attempts[0]).toMatchObject({
      name: 'attempt first',
      status: 2,
      attributes: {
        'beamline.block': 'http',
        'beamline.pool': 'io',
        'beamline.run_id': runId,
        'beamline.step_id': 'first',
        'beamline.attempt': 1,
        'beamline.status': 'error',
        'error.type': 'HTTP_ERROR',
      },
    })
    expect(called.map(({ traceparent }) => traceparent)).toEqual(
      attempts.map(({ spanId }) => `00-${TRACE}-${spanId}-01`),
    )
    expect(collector.requests[0]).toMatchObject({ url: '/v1/traces', headers: { authorization: 'Bearer 1' } })
    expect(spans).toHaveLength(5)
  })

  it('without a caller’s trace is one whose id is its own; the request that submits it is in it', async () => {
    await start()
    await publish()
    const { run_id: runId } = await post('/api/v1/runs?wait=60s', { flow: 'traced' }, { 'idempotency-key': 'k' })
    await node.close()
    const spans = collector.spans.filter(({ attributes }) => attributes['beamline.run_id'] === runId)
    expect(new Set(spans.map(({ traceId }) => traceId))).toEqual(new Set([runId.replaceAll('-', '')]))
    expect(spans.map(({ name, parentSpanId }) => [name, parentSpanId]).sort()).toEqual([
      ['attempt first', spanIdOfRun(runId)],
      ['attempt second', spanIdOfRun(runId)],
      ['gateway.http.request', spanIdOfRun(runId)],
      ['run traced', ''],
    ])
  })

  it('stays in its trace over a restart, with no span doubled', async () => {
    await start()
    await publish('10s')
    statuses = [503]
    const { run_id: runId } = await post(
      '/api/v1/runs',
      { flow: 'traced', input: {} },
      { traceparent: `00-${TRACE}-${CALLER}-01` },
    )
    await expect.poll(() => called.length).toBe(1)
    await node.close()
    expect(collector.spans.map(({ name }) => name)).toContain('attempt first')
    expect(collector.spans.map(({ name }) => name)).not.toContain('run traced')
    await start()
    const run = await collector.find(({ name }) => name === 'run traced')
    await node.close()
    const spans = collector.spans.filter(({ traceId }) => traceId === TRACE)
    expect(spans.filter(({ name }) => name.startsWith('attempt ')).map(({ spanId }) => spanId)).toEqual([
      attemptOf(runId, 'first', 1),
      attemptOf(runId, 'first', 2),
      attemptOf(runId, 'second', 1),
    ])
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length)
    expect(run.endMs - run.startMs).toBeGreaterThanOrEqual(10_000)
    expect(run.startMs).toBeLessThanOrEqual(spans.find(({ name }) => name === 'attempt first')!.startMs)
  })

  it('that replays another one links to it', async () => {
    await start()
    await publish()
    statuses = [400]
    const failed = await post('/api/v1/runs?wait=60s', { flow: 'traced', input: {} })
    const rerun = await post(`/api/v1/runs/${failed.run_id}/rerun`, {})
    const span = await collector.find(({ spanId }) => spanId === spanIdOfRun(rerun.run_id))
    const before = await collector.find(({ spanId }) => spanId === spanIdOfRun(failed.run_id))
    expect(before).toMatchObject({ status: 2, traceId: failed.run_id.replaceAll('-', '') })
    expect(span.links).toEqual([{ traceId: before.traceId, spanId: before.spanId }])
    expect(span.attributes['beamline.replay_of']).toBe(failed.run_id)
    const headers = { traceparent: `00-${TRACE}-${CALLER}-01` }
    const within = await post(`/api/v1/runs/${failed.run_id}/rerun`, {}, headers)
    const other = await collector.find(({ spanId }) => spanId === spanIdOfRun(within.run_id))
    expect(other).toMatchObject({ traceId: TRACE, links: [{ traceId: before.traceId, spanId: before.spanId }] })
    await shown(within.run_id)
    const elsewhere = { traceparent: `00-${OTHER_TRACE}-${CALLER}-01` }
    const last = await post(`/api/v1/runs/${within.run_id}/rerun`, {}, elsewhere)
    const isRequest = ({ name }: ReceivedSpan) => name === 'gateway.http.request'
    const request = await collector.find(
      (span) => isRequest(span) && span.attributes['beamline.run_id'] === last.run_id,
    )
    expect(request).toMatchObject({
      traceId: OTHER_TRACE,
      links: [{ traceId: TRACE, spanId: other.spanId }],
    })
  })

  it('that came as a record goes on in the trace that its header names', async () => {
    await start()
    await publish()
    const value = Buffer.from(JSON.stringify({ flow: 'traced', input: {} }))
    const headers = { traceparent: `00-${TRACE}-${CALLER}-01` }
    const record = { topic: 'ingest', partition: 0, key: null, value, headers, handled: false, message: null } as const
    await node.log.append([record])
    expect(await collector.find(({ name }) => name === 'run traced')).toMatchObject({
      traceId: TRACE,
      parentSpanId: CALLER,
    })
    expect(called[0]!.traceparent).toMatch(`00-${TRACE}-`)
  })

  it('has a span for an attempt that could not begin, and its retry goes on in the trace', async () => {
    await start()
    const steps = [{ id: 'first', type: 'echo', with: { x: '${abs(input.x)}' }, retry: { attempts: 1 } }]
    expect(await post('/api/v1/flows', { flow: 'unfit', steps })).not.toHaveProperty('error')
    const headers = { traceparent: `00-${TRACE}-${CALLER}-01` }
    const { run_id: runId } = await post('/api/v1/runs?wait=60s', { flow: 'unfit', input: { x: 'one' } }, headers)
    const attempt = await collector.find(({ name }) => name === 'attempt first')
    expect(attempt).toMatchObject({ traceId: TRACE, spanId: attemptOf(runId, 'first', 1), status: 2 })
    expect(attempt.attributes['beamline.worker_id']).toBe('route')
    const retried = await post(`/api/v1/runs/${runId}/retry`, { patch: { x: 1 } })
    const run = await collector.find(({ spanId }) => spanId === spanIdOfRun(retried.run_id))
    expect(run).toMatchObject({ traceId: TRACE, status: 0, links: [{ traceId: TRACE, spanId: spanIdOfRun(runId) }] })
  })

  it('that is not sampled sends its failures alone', async () => {
    await start(0)
    await publish()
    statuses = [503]
    const { run_id: runId } = await post('/api/v1/runs?wait=60s', { flow: 'traced', input: {} })
    await node.close()
    expect(collector.spans.map(({ spanId }) => spanId)).toEqual([attemptOf(runId, 'first', 1)])
    expect(called[0]!.traceparent).toMatch(/-00$/)
  })
})

it('a collector that does not answer holds nothing up', async () => {
  // who waited for it would wait for hours
  vi.stubEnv('OTEL_EXPORTER_OTLP_TIMEOUT', '36000000')
  vi.stubEnv('OTEL_BSP_EXPORT_TIMEOUT', '36000000')
  await start()
  await publish()
  await collector.close()
  const { status } = await post('/api/v1/runs?wait=60s', { flow: 'traced', input: {} })
  expect(status).toBe('completed')
  await node.close()
})
