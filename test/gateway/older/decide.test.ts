import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWorld, type World } from '../support.ts'

const older = { limits: { decide: 10_000, all: 10_000 }, abusePerWindow: 10_000, decisionTimeoutMs: 20_000 }
let world: World
beforeAll(async () => {
  world = await openWorld({ gateway: { older } })
})
afterAll(() => world.close())

const tenant = { 'x-tenant-id': 'acme' }
const decide = (body: object | string, headers = {}) =>
  world.call('POST', '/api/v1/routes/decide', body, { 'content-type': 'application/json', ...tenant, ...headers })
const task = { type: 'http', payload: { url: 'https://example.com' } }
const request = { version: '1', tenant_id: 'acme', request_id: 'r-1', task }

describe('POST /api/v1/routes/decide', () => {
  it.each<[what: string, body: object, requestId: unknown]>([
    ["the router's request", request, 'r-1'],
    ['a task by reference', { ...request, task: { type: 'http', payload_ref: 'blob://x' } }, 'r-1'],
    ["the gateway's", { version: '1', request_id: 'r-2', message: { message_id: 'm', payload: 'x' } }, 'r-2'],
    ['one without a version', { message_id: 'm-3', payload: 'hello', policy_id: null }, expect.any(String)],
    ['the default policy', { ...request, policy_id: 'default' }, 'r-1'],
  ])('decides on %s, with the reply in both forms', async (_what, body, requestId) => {
    const answer = await decide(body)
    const decision = {
      provider_id: 'beamline',
      reason: 'weighted',
      priority: 50,
      expected_latency_ms: 0,
      expected_cost: 0,
    }
    expect(answer).toMatchObject({
      status: 200,
      body: { ok: true, decision, ...decision, context: { request_id: requestId, trace_id: null, tenant_id: 'acme' } },
    })
  })

  it('is a run that can be looked at', async () => {
    await decide({ ...request, request_id: 'seen' })
    const { body } = await world.call(
      'GET',
      '/api/v1/runs?flow=beamline.decide&metadata=request_id:seen',
      undefined,
      tenant,
    )
    expect(body.runs).toMatchObject([{ status: 'completed', version: 1 }])
  })

  it('gives back the reply under one idempotency key, and refuses another body', async () => {
    const runs = async () => {
      const { body } = await world.call('GET', '/api/v1/runs/counts?metadata=request_id:keyed', undefined, tenant)
      return body.total
    }
    const keyed = { ...request, request_id: 'keyed', idempotency_key: 'k-1' }
    expect((await decide(keyed)).body).toEqual((await decide(keyed)).body)
    expect(await runs()).toBe(1)
    expect(await decide({ ...keyed, request_id: 'other' })).toMatchObject({
      status: 409,
      body: { error: { intake_error_code: 'IDEMPOTENCY_VIOLATION' } },
    })
  })

  it('publishes the flow of a tenant once, however many ask at once', async () => {
    const fresh = { 'x-tenant-id': 'fresh' }
    const asked = Array.from({ length: 8 }, (_, n) => decide({ payload: 'x', message_id: `f-${n}` }, fresh))
    for (const answer of await Promise.all(asked)) expect(answer.status).toBe(200)
    const { body } = await world.call('GET', '/api/v1/flows/beamline.decide/versions', undefined, fresh)
    expect(body.versions).toHaveLength(1)
  })

  it.each<[what: string, change: object, status: number, code: string, intake: string | undefined, path?: string]>([
    ['another version', { version: '2' }, 400, 'invalid_request', 'VERSION_UNSUPPORTED', 'version'],
    ['a version that is a number', { version: 1 }, 400, 'invalid_request', 'VERSION_UNSUPPORTED', 'version'],
    ['a task without a version', { version: undefined }, 400, 'invalid_request', 'SCHEMA_VALIDATION_FAILED', 'version'],
    ['no request id', { request_id: undefined }, 400, 'invalid_request', 'SCHEMA_VALIDATION_FAILED', 'request_id'],
    [
      'a task without a type',
      { task: { payload: 'x' } },
      400,
      'invalid_request',
      'SCHEMA_VALIDATION_FAILED',
      'task.type',
    ],
    [
      'a task without a payload',
      { task: { type: 'x' } },
      400,
      'invalid_request',
      'SCHEMA_VALIDATION_FAILED',
      'task.payload',
    ],
    [
      'a small payload',
      { task: { type: 'x', payload: '123456789' } },
      400,
      'invalid_request',
      'PAYLOAD_TOO_SMALL',
      'task.payload',
    ],
    [
      'a lone run id',
      { run_id: '01ARZ3NDEKTSV4RRFFQ69G5FAV' },
      400,
      'invalid_request',
      'CORRELATION_FIELDS_INVALID',
      'flow_id',
    ],
    ['a trace id that is none', { trace_id: 'abc' }, 400, 'invalid_request', 'CORRELATION_FIELDS_INVALID', 'trace_id'],
    ['another tenant', { tenant_id: 'other' }, 401, 'unauthorized', 'TENANT_FORBIDDEN', 'tenant_id'],
    ['a policy that nobody knows', { policy_id: 'mine' }, 404, 'policy_not_found', undefined],
    ['an assignment to be sent', { push_assignment: true }, 501, 'not_implemented', undefined, 'push_assignment'],
  ])('refuses %s', async (_what, change, status, code, intake, path) => {
    const answer = await decide({ ...request, ...change })
    expect(answer).toMatchObject({ status, body: { ok: false, error: { code } } })
    expect(answer.body.error.intake_error_code).toBe(intake)
    if (path !== undefined) expect(answer.body.error.details.path).toBe(path)
  })

  it('finds the first mistake in the order of the router', async () => {
    const all = { version: '2', tenant_id: 'other', run_id: 'x', task: { type: 7 }, request_id: 'r' }
    const codes: string[] = []
    for (const fix of [{}, { version: '1' }, { run_id: undefined }, { task }]) {
      Object.assign(all, fix)
      codes.push((await decide(all)).body.error.intake_error_code)
    }
    expect(codes).toEqual([
      'VERSION_UNSUPPORTED',
      'CORRELATION_FIELDS_INVALID',
      'SCHEMA_VALIDATION_FAILED',
      'TENANT_FORBIDDEN',
    ])
  })

  it.each([
    ['{"version": "1",, }', /not JSON.*line 1, column 17/],
    ['[1, 2, 3, 4, 5]', /the body is.*expected an object/],
    ['"some longer text"', /expected an object/],
  ])('refuses the body %s', async (body, message) => {
    const answer = await decide(body)
    expect(answer.status).toBe(400)
    expect(answer.body.error.message).toMatch(message)
  })
})

describe('GET /api/v1/routes/decide/:id', () => {
  const decided = (id: string) => world.call('GET', `/api/v1/routes/decide/${id}`, undefined, tenant)

  it('answers the decision about a message, or a request', async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
    await decide({ ...request, request_id: 'asked', message_id: 'm-asked', trace_id: trace })
    for (const id of ['asked', 'm-asked']) {
      expect(await decided(id)).toMatchObject({
        status: 200,
        body: { ok: true, provider_id: 'beamline', context: { request_id: 'asked', trace_id: trace } },
      })
    }
  })

  it('refuses what it does not know', async () => {
    expect(await decided('nobody')).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } })
    expect((await decided('a%0Ab')).status).toBe(400)
  })
})

describe('without tasks', () => {
  let idle: World
  beforeAll(async () => {
    idle = await openWorld({ tasks: false, gateway: { replyTimeoutMs: 30, older: { decisionTimeoutMs: 30 } } })
  })
  afterAll(() => idle.close())

  it('answers when it will not be decided', async () => {
    const answer = await idle.call('POST', '/api/v1/routes/decide', request, tenant)
    expect([503, 504]).toContain(answer.status)
    expect(answer.headers['retry-after']).toMatch(/^\d+$/)
  })
})
