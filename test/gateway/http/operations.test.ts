import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWorld, type World } from '../support.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
  await world.publish('flow: greet\nsteps:\n  - id: hello\n    type: echo\n')
})
afterAll(() => world.close())

describe('health and metrics', () => {
  it('says that all is well, also to the older console', async () => {
    await expect.poll(async () => (await world.call('GET', '/readyz')).status).toBe(200)
    const { status, body } = await world.call('GET', '/health')
    expect(status).toBe(200)
    expect(body).toMatchObject({ status: 'ok', timestamp_ms: expect.any(Number), nats: { connected: true } })
  })

  it('counts requests by route', async () => {
    await world.call('GET', '/api/v1/runs/nonsense')
    const { body, headers } = await world.call('GET', '/metrics')
    expect(headers['content-type']).toMatch('text/plain')
    expect(body).toMatch('gateway_http_requests_total{method="GET",path="/api/v1/runs/:run_id",status="400"} 1')
    expect(body).toMatch(/beamline_task_commits_total \d+/)
  })

  it('answers an unknown route in the one form', async () => {
    const { status, body } = await world.call('GET', '/api/v1/nothing')
    expect(status).toBe(404)
    expect(body).toEqual({
      ok: false,
      error: { code: 'not_found', message: 'there is no route GET /api/v1/nothing; /docs lists all', details: {} },
      context: { request_id: expect.stringMatching(/^req-/), trace_id: null, tenant_id: 'default' },
    })
  })
})

describe('topics', () => {
  it('takes JSON lines into ingest, whatever they hold, and runs those that are submissions', async () => {
    const lines = ['{"flow":"greet","input":{"n":1}}', '', 'this is no submission', '{"flow":"greet","input":{"n":2}}']
    const answer = await world.call('POST', '/api/v1/topics/ingest/records', lines.join('\n'), {
      'content-type': 'application/x-ndjson',
    })
    expect(answer).toMatchObject({ status: 200, body: { appended: 3, refused: 0 } })
    expect(answer.body.records.map((record: { line: number }) => record.line)).toEqual([1, 3, 4])
    const completed = async () => (await world.call('GET', '/api/v1/runs?status=completed')).body.runs.length
    await expect.poll(completed).toBe(2)
    const groups = async () => (await world.call('GET', '/api/v1/dlq/groups')).body.groups
    await expect.poll(groups).toMatchObject([{ category: expect.stringMatching(/^record_/), open: 1 }])
  })

  it('refuses an empty body, and one with too many lines', async () => {
    const produce = (body: string) => world.call('POST', '/api/v1/topics/ingest/records', body)
    expect((await produce('\n \n')).body.error.message).toMatch(/empty/)
    expect((await produce('{}\n'.repeat(10_001))).status).toBe(413)
  })

  it('shows decoded records from an offset on', async () => {
    const { body } = await world.call('GET', '/api/v1/topics/control/records?partition=2&limit=1')
    expect(body).toMatchObject({
      topic: 'control',
      partition: 2,
      records: [{ offset: 0, kind: 'FlowPublished', value: { flow: 'greet', version: 1 } }],
      next_offset: 1,
      end_offset: 1,
    })
    expect((await world.call('GET', '/api/v1/topics/control/records?from=2')).body.records).toEqual([])
  })

  it('waits for new records when asked to', async () => {
    const waiting = world.call('GET', '/api/v1/topics/control/records?partition=1&from=1&wait=20s')
    await world.publish('flow: second\nsteps:\n  - id: hello\n    type: echo\n')
    expect((await waiting).body.records).toMatchObject([{ kind: 'FlowPublished', value: { flow: 'second' } }])
  })

  it.each([
    ['evnts', '', 404, /"evnts".*'events'/],
    ['events', '?partition=9', 400, /'partition' is "9"/],
    ['events', '?from=later', 400, /first, end, an offset or an instant/],
  ])('refuses %s%s', async (topic, query, status, message) => {
    const answer = await world.call('GET', `/api/v1/topics/${topic}/records${query}`)
    expect(answer.status).toBe(status)
    expect(answer.body.error.message).toMatch(message)
  })
})

describe('a node whose tasks are not there', () => {
  let idle: World
  beforeAll(async () => {
    idle = await openWorld({ tasks: false, gateway: { replyTimeoutMs: 3_000, maxWaiting: 1 } })
    await idle.publish('flow: greet\nsteps:\n  - id: hello\n    type: echo\n')
  })
  afterAll(() => idle.close())
  const keyed = { flow: 'greet', input: {}, idempotency_key: 'k' }

  it('accepts what needs no decision', async () => {
    expect((await idle.call('POST', '/api/v1/runs', { flow: 'greet', input: {} })).status).toBe(202)
  })

  it('answers 504 with a hint when a decision does not come, and 503 when too many wait', async () => {
    const [late, refused] = await Promise.all([1, 2].map(() => idle.call('POST', '/api/v1/runs', keyed)))
    expect(late).toMatchObject({ status: 504, headers: { 'retry-after': '2' }, body: { error: { code: 'timeout' } } })
    expect(late!.body.error.message).toMatch(/same idempotency key/)
    expect(refused).toMatchObject({ status: 503, body: { error: { code: 'service_overloaded' } } })
  })
})
