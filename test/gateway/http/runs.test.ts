import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { homeOf, newRunId, type RunId } from '../../../schemas/ids.ts'
import { openWorld, type World } from '../support.ts'

const ECHO = `
flow: greet
input:
  type: object
  required: [name]
  properties: { name: { type: string }, n: { type: integer } }
steps:
  - id: hello
    type: echo
    with: { text: "hello \${input.name}" }
output: "\${steps.hello.output}"
`
const SLOW = 'flow: slow\nsteps:\n  - id: nap\n    type: sleep\n    with: { ms: 600000 }\n'
const BROKEN =
  'flow: broken\nsteps:\n  - id: boom\n    type: fail\n    with: { code: OUT_OF_STOCK, message: nothing left }\n'

let world: World
beforeAll(async () => {
  world = await openWorld()
  for (const flow of [ECHO, SLOW, BROKEN]) expect((await world.publish(flow)).status).toBe(201)
})
afterAll(() => world.close())

const submit = (body: unknown, query = '', headers = {}) => world.call('POST', `/api/v1/runs${query}`, body, headers)

describe('POST /api/v1/runs', () => {
  it('answers 202 with the run id and the position once the record is durable', async () => {
    const { status, body, headers } = await submit({ flow: 'greet', input: { name: 'Ada' } })
    expect(status).toBe(202)
    expect(headers['content-type']).toMatch('application/json')
    expect(body).toEqual({
      run_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      status: 'accepted',
      position: expect.stringMatching(`^ingest/${homeOf(body.run_id, 4)}/\\d+$`),
    })
  })

  it('answers with the finished run when asked to wait', async () => {
    const { status, body } = await submit({ flow: 'greet', input: { name: 'Ada' } }, '?wait=20s')
    expect(status).toBe(200)
    expect(body).toMatchObject({
      tenant_id: 'default',
      flow: 'greet',
      version: 1,
      status: 'completed',
      input: { name: 'Ada' },
      output: { text: 'hello Ada' },
      error: null,
      steps: [{ step_id: 'hello', status: 'completed', attempt: 1, pool: 'io', output: { text: 'hello Ada' } }],
      as_of: expect.stringMatching(/^events\/\d\/\d+$/),
    })
    expect(body.finished_at_ms).toBeGreaterThanOrEqual(body.accepted_at_ms)
  })

  it('answers with what there is when the time to wait is up', async () => {
    const { status, body } = await submit({ flow: 'slow', input: {} }, '?wait=50ms')
    expect(status).toBe(202)
    expect(['accepted', 'running']).toContain(body.status)
  })

  it('shows a failed run with its error and letter', async () => {
    const { status, body } = await submit({ flow: 'broken', input: {} }, '?wait=20s')
    expect(status).toBe(200)
    expect(body).toMatchObject({ status: 'failed', failed_step: 'boom', error: { code: 'OUT_OF_STOCK' } })
    expect(body.steps[0]).toMatchObject({ status: 'failed', error: { code: 'OUT_OF_STOCK', message: 'nothing left' } })
  })

  it('gives the first run for a repeated idempotency key, and refuses another body', async () => {
    const first = await submit({ flow: 'greet', input: { name: 'A', n: 1 }, idempotency_key: 'k1' })
    expect(first.status).toBe(202)
    const again = await submit({ idempotency_key: 'k1', input: { n: 1, name: 'A' }, flow: 'greet' })
    expect(again).toMatchObject({ status: 200, body: { run_id: first.body.run_id } })
    const other = await submit({ flow: 'greet', input: { name: 'B' }, idempotency_key: 'k1' })
    expect(other).toMatchObject({
      status: 409,
      body: { ok: false, error: { code: 'conflict', intake_error_code: 'IDEMPOTENCY_VIOLATION' } },
    })
  })

  it('keeps tenants apart', async () => {
    const { body } = await submit({ flow: 'greet', input: { name: 'Ada' } }, '?wait=20s')
    const other = await world.call('GET', `/api/v1/runs/${body.run_id}`, undefined, { 'x-tenant-id': 'acme' })
    expect(other).toMatchObject({ status: 404, body: { error: { code: 'run_not_found' } } })
    const unknown = await submit({ flow: 'greet', input: { name: 'Ada' } }, '', { 'x-tenant-id': 'acme' })
    expect(unknown).toMatchObject({
      status: 404,
      body: { error: { code: 'flow_not_found' }, context: { tenant_id: 'acme' } },
    })
  })

  it('refuses work beyond the bound, with when to come back', async () => {
    const reason = '7 runs have not ended; the bound is 7'
    world.admission = { admit: false, status: 429, reason, retryAfterS: 3, limit: 7 }
    const beforeMs = Date.now()
    const limited = await submit({ flow: 'greet', input: { name: 'Ada' } })
    expect(limited).toMatchObject({
      status: 429,
      headers: { 'retry-after': '3', 'x-ratelimit-limit': '7', 'x-ratelimit-remaining': '0' },
      body: { error: { code: 'rate_limit_exceeded', details: { limit: 7, retry_after_seconds: 3 } } },
    })
    expect(Number(limited.headers['x-ratelimit-reset'])).toBeGreaterThan(beforeMs / 1000)
    world.admission = { admit: false, status: 503, reason: 'the log takes no records: disk full', retryAfterS: 5 }
    const full = await submit({ flow: 'greet', input: { name: 'Ada' } })
    expect(full).toMatchObject({
      status: 503,
      headers: { 'retry-after': '5' },
      body: { error: { code: 'service_overloaded' } },
    })
    world.admission = { admit: true }
  })
})

describe('bad submissions', () => {
  const deep = `{"flow":"greet","input":${'['.repeat(10_000)}${']'.repeat(10_000)}}`
  const badUtf8 = Buffer.concat([Buffer.from('{"flow":"gr'), Buffer.from([0xc3, 0x28]), Buffer.from('","input":{}}')])
  const rows: [what: string, body: string | Buffer, status: number, message: RegExp][] = [
    ['malformed JSON, with its position', '{"flow": "greet",\n "input": {,}}', 400, /line 2, column 12/],
    ['nothing', '', 400, /expected/],
    ['no object', '[1]', 400, /object/],
    ['no flow', '{"input":{}}', 400, /flow/],
    ['an unknown field, with the nearest name', '{"flow":"greet","inputs":{}}', 400, /'inputs'.*'input'/],
    ['too many levels', deep, 400, /deep|nested/],
    ['bytes that are no UTF-8', badUtf8, 400, /UTF-8 at byte 11/],
    [
      'half of a surrogate pair in a key',
      '{"flow":"greet","input":{"name":"x"},"idempotency_key":"\\ud800"}',
      400,
      /idempotency_key/,
    ],
    [
      'an input that does not match, with the path',
      '{"flow":"greet","input":{"name":7}}',
      400,
      /`input\.name` must be string; found 7/,
    ],
    ['a missing property of the input', '{"flow":"greet","input":{}}', 400, /required property 'name'/],
    ['an unknown flow, with the nearest name', '{"flow":"gret","input":{}}', 404, /'gret'.*'greet'/],
    ['an unknown version', '{"flow":"greet","version":9,"input":{"name":"x"}}', 404, /version 9.*expected 1 to 1/],
    ['a priority out of range', '{"flow":"greet","input":{"name":"x"},"priority":11}', 400, /priority/],
    ['a run id that is none', '{"flow":"greet","input":{"name":"x"},"run_id":"17"}', 400, /run_id/],
  ]
  it.each(rows)('refuses %s', async (_what, payload, status, message) => {
    const answer = await world.call('POST', '/api/v1/runs', payload, { 'content-type': 'application/json' })
    expect(answer.status).toBe(status)
    expect(answer.body).toMatchObject({ ok: false, context: { tenant_id: 'default', trace_id: null } })
    expect(answer.body.error.message).toMatch(message)
  })

  it('takes __proto__ for a name like any other or refuses it, and is never touched by it', async () => {
    const payload = '{"flow":"greet","input":{"name":"x","__proto__":{"polluted":true}}}'
    const { status, body } = await world.call('POST', '/api/v1/runs?wait=20s', payload, {
      'content-type': 'application/json',
    })
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
    expect([200, 400]).toContain(status)
    if (status === 200) expect(JSON.stringify(body.input)).toContain('__proto__')
  })

  it('refuses a body over the limit with 413', async () => {
    const answer = await submit({ flow: 'greet', input: { name: 'x'.repeat(2 << 20) } })
    expect(answer).toMatchObject({ status: 413, body: { ok: false, error: { code: 'payload_too_large' } } })
    expect(answer.body.error.message).toMatch(/^the body is too large; expected at most \d+ bytes$/)
  })

  it('refuses a media type it does not take with 415', async () => {
    const answer = await world.call('POST', '/api/v1/runs', '<a/>', { 'content-type': 'application/xml' })
    expect(answer).toMatchObject({ status: 415, body: { error: { code: 'unsupported_media_type' } } })
    expect(answer.body.error.message).toMatch(/application\/xml.*application\/json/)
  })

  it.each([
    ['?wiat=1s', /'wiat'.*'wait'/],
    ['?wait=soon', /"soon".*30s/],
    ['?wait=1s&wait=2s', /more than once/],
  ])('refuses the query %s', async (query, message) => {
    const { status, body } = await submit({ flow: 'greet', input: { name: 'x' } }, query)
    expect(status).toBe(400)
    expect(body.error.message).toMatch(message)
  })

  it('refuses a tenant that is none, and says under which ids the request went', async () => {
    const headers = { 'x-tenant-id': 'no tenant', 'x-request-id': 'r-1', 'x-trace-id': 't-1' }
    const { status, body } = await submit({ flow: 'greet', input: { name: 'x' } }, '', headers)
    expect(status).toBe(400)
    expect(body).toMatchObject({
      ok: false,
      error: { code: 'invalid_request' },
      context: { request_id: 'r-1', trace_id: 't-1' },
    })
  })
})

describe('GET /api/v1/runs', () => {
  it.each([['not-a-run'], ['00000000-0000-4000-8000-000000000000'], ['%00']])('refuses %s as a run id', async (id) => {
    const { status, body } = await world.call('GET', `/api/v1/runs/${id}`)
    expect(status).toBe(400)
    expect(body.error).toMatchObject({ code: 'invalid_request', details: { code: 'INVALID_RUN_ID' } })
  })

  it('answers 404 for a run that nobody knows', async () => {
    const runId = newRunId(1, () => 7)
    expect(await world.call('GET', `/api/v1/runs/${runId}`)).toMatchObject({
      status: 404,
      body: { error: { code: 'run_not_found' } },
    })
  })

  it('lists runs newest first, page by page', async () => {
    const tenant = { 'x-tenant-id': 'lister' }
    await world.publish(ECHO, tenant)
    const ids: RunId[] = []
    for (let index = 0; index < 5; index++) {
      ids.push((await submit({ flow: 'greet', input: { name: 'x' } }, '?wait=20s', tenant)).body.run_id)
    }
    const list = async (query: string) => (await world.call('GET', `/api/v1/runs?${query}`, undefined, tenant)).body
    const pages: RunId[] = []
    let query = 'limit=2&status=completed'
    for (;;) {
      const page = await list(query)
      pages.push(...page.runs.map((run: { run_id: RunId }) => run.run_id))
      if (page.next === null) break
      query = `limit=2&status=completed&after=${page.next}`
    }
    expect(pages.toSorted()).toEqual(ids.toSorted())
    expect((await list('status=failed')).runs).toEqual([])
    expect((await list('status=complete')).error.message).toMatch(/'status' is "complete".*'completed'/)
    expect((await list('after=x')).error.message).toMatch(/'next'/)
  })
})

describe('POST /api/v1/runs/:run_id/cancel', () => {
  it('cancels a running run, once', async () => {
    const { body } = await submit({ flow: 'slow', input: {} })
    const cancel = () => world.call('POST', `/api/v1/runs/${body.run_id}/cancel`, { reason: 'enough' })
    // The submission is durable, not yet decided: until it is, the run is not known.
    await expect.poll(async () => (await world.call('GET', `/api/v1/runs/${body.run_id}`)).status).toBe(200)
    expect(await cancel()).toMatchObject({ status: 200, body: { run_id: body.run_id, status: 'cancelled' } })
    expect(await cancel()).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
    await expect
      .poll(async () => (await world.call('GET', `/api/v1/runs/${body.run_id}`)).body)
      .toMatchObject({ status: 'cancelled', cancel_reason: 'enough', steps: [{ status: 'cancelled' }] })
  })

  it('answers 404 for a run that nobody knows, and 400 for a field that nobody knows', async () => {
    const path = `/api/v1/runs/${newRunId(2, () => 9)}/cancel`
    expect((await world.call('POST', path)).status).toBe(404)
    const { status, body } = await world.call('POST', path, { reson: 'x' })
    expect(status).toBe(400)
    expect(body.error.message).toMatch(/`reson`.*'reason'/)
  })
})
