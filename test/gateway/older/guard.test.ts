import { afterEach, describe, expect, it } from 'vitest'
import type { GatewayOptions } from '../../../gateway/ports.ts'
import { openWorld, type World } from '../support.ts'

let world: World
afterEach(() => world.close())

async function open(older: GatewayOptions['older'] = {}): Promise<void> {
  world = await openWorld({ tasks: false, gateway: { replyTimeoutMs: 20, older } })
}

const tenant = { 'x-tenant-id': 'acme' }
const list = (headers: object = tenant) => world.call('GET', '/api/v1/messages', undefined, { ...headers })
const post = (body: string, headers: object = tenant) =>
  world.call('POST', '/api/v1/messages', body, { 'content-type': 'application/json', ...headers })

describe('the limits', () => {
  it.each([
    ['/api/v1/routes/decide/x', 'decide', 50, 404],
    ['/api/v1/messages', 'messages', 100, 200],
    ['/api/v1/extensions', 'all', 1000, 501],
  ])('of %s are those of the older gateway', async (path, endpoint, limit, status) => {
    await open({ abusePerWindow: 2000 })
    const ask = () => world.call('GET', path, undefined, tenant)
    const first = await ask()
    expect(first).toMatchObject({
      status,
      headers: { 'x-ratelimit-limit': String(limit), 'x-ratelimit-remaining': String(limit - 1) },
    })
    for (let n = 1; n < limit; n++) await ask()
    const beforeS = Date.now() / 1000
    const refused = await ask()
    const afterS = Date.now() / 1000
    expect(refused).toMatchObject({
      status: 429,
      headers: { 'x-ratelimit-limit': String(limit), 'x-ratelimit-remaining': '0' },
      body: { ok: false, error: { code: 'rate_limit_exceeded', details: { endpoint, limit } } },
    })
    const seconds = refused.body.error.details.retry_after_seconds
    expect(seconds).toBeGreaterThan(0)
    expect(seconds).toBeLessThanOrEqual(60)
    expect(refused.headers['retry-after']).toBe(String(seconds))
    const reset = Number(refused.headers['x-ratelimit-reset'])
    // both are rounded to whole seconds
    expect(reset - seconds).toBeGreaterThan(beforeS - 2)
    expect(reset - seconds).toBeLessThan(afterS + 2)
  })

  it('count each tenant and each endpoint for itself, all of them together, and nothing of the newer routes', async () => {
    await open({ limits: { messages: 2, registry: 1, all: 5 } })
    const ask = (path: string, name = 'acme') => world.call('GET', path, undefined, { 'x-tenant-id': name })
    const statuses: number[] = []
    for (const [path, name] of [
      ['/api/v1/messages', 'acme'],
      ['/api/v1/messages', 'acme'],
      ['/api/v1/messages', 'acme'],
      ['/api/v1/messages', 'other'],
      ['/api/v1/policies', 'acme'],
      ['/api/v1/policies', 'acme'],
      ['/api/v1/policies', 'acme'],
      ['/api/v1/runs', 'acme'],
    ] as const) {
      statuses.push((await ask(path, name)).status)
    }
    expect(statuses).toEqual([200, 200, 429, 200, 501, 501, 429, 200])
    const { body } = await world.call('GET', '/metrics')
    expect(body).toContain('gateway_rate_limit_exceeded_total{endpoint="messages",tenant_id="acme"} 1')
    expect(body).toContain('gateway_rate_limit_allowed_total{endpoint="messages",tenant_id="other"} 1')
    expect(body).toContain('gateway_rate_limit_hits_total{endpoint="all",tenant_id="acme"} 3')
  })

  it('block a tenant that asks far too often, and only that one', async () => {
    await open({ abusePerWindow: 3, limits: { messages: 2 } })
    for (let n = 0; n < 3; n++) await list()
    expect(await list()).toMatchObject({
      status: 429,
      headers: { 'retry-after': '300' },
      body: { error: { details: { abuse: true, retry_after_seconds: 300 } } },
    })
    expect((await list({ 'x-tenant-id': 'other' })).status).toBe(200)
    expect((await world.call('GET', '/health')).status).toBe(200)
  })
})

describe('the order of checks', () => {
  it('is 429, 401, 400 for the tenant, 503, 429 for abuse, 413, 400 for the body', async () => {
    await open({ limits: { messages: 7 }, requireAuthorization: true })
    const reason = 'the log takes no records: disk full'
    world.admission = { admit: false, status: 503, reason, retryAfterS: 5 }
    const bearer = { authorization: 'Bearer t' }
    const outcome = async (body: string, headers: object) => {
      const answer = await post(body, headers)
      return [answer.status, answer.body.error.code, answer.headers['retry-after']]
    }
    expect(await outcome('{}', {})).toEqual([401, 'unauthorized', undefined])
    expect(await outcome('{}', { ...tenant, authorization: 'Basic x' })).toEqual([401, 'unauthorized', undefined])
    expect(await outcome('{}', { ...bearer, 'x-tenant-id': 'no tenant' })).toEqual([400, 'invalid_request', undefined])
    expect(await outcome('{}', { ...tenant, ...bearer })).toEqual([503, 'service_overloaded', '30'])
    world.admission = { admit: true }
    expect(await outcome('{}', { ...tenant, ...bearer })).toEqual([429, 'rate_limit_exceeded', '1'])
    const large = JSON.stringify({ payload: 'x'.repeat(64 << 10) })
    expect(await outcome(large, { ...tenant, ...bearer })).toEqual([413, 'payload_too_large', undefined])
    expect(await outcome('{"payload": ', { ...tenant, ...bearer })).toEqual([400, 'invalid_request', undefined])
    // what names no tenant was not counted for it
    for (let n = 0; n < 2; n++) await post('{}', { ...tenant, ...bearer })
    expect(await outcome('{}', tenant)).toEqual([429, 'rate_limit_exceeded', expect.any(String)])
  })

  it('takes authorization for given where it need not be', async () => {
    await open()
    expect((await list()).status).toBe(200)
    expect((await list({ ...tenant, authorization: 'Bearer anything' })).status).toBe(200)
    expect((await list({ ...tenant, authorization: 'Bearer ' })).status).toBe(401)
  })

  it('asks for a tenant, in the header or as a parameter', async () => {
    await open()
    expect((await list({})).body.error).toMatchObject({ code: 'invalid_request', details: { path: 'X-Tenant-ID' } })
    expect((await world.call('GET', '/api/v1/messages?tenant_id=acme')).status).toBe(200)
    expect((await world.call('GET', '/api/v1/messages?tenant_id=no%20tenant')).status).toBe(400)
  })

  it.each([
    [9, 429],
    [10, 400],
    [64 << 10, 400],
    [(64 << 10) + 1, 413],
    [512 << 10, 413],
    [(512 << 10) + 1, 429],
  ])('answers a body of %i bytes with %i', async (size, status) => {
    await open()
    expect((await post('x'.repeat(size))).status).toBe(status)
  })
})

describe('a refusal', () => {
  it('is logged, with the error that has won and its place, under the id that the client is told', async () => {
    await open({ limits: { registry: 1 } })
    const ask = (path: string, headers: object = tenant) => world.call('GET', path, undefined, { ...headers })
    const refusals = [
      await post('{"version": "2", "payload": "x"}'),
      await list({ ...tenant, authorization: 'x' }),
      await ask('/api/v1/messages/nobody'),
      await ask('/api/v1/policies'),
    ]
    expect(world.told).toMatchObject([
      { gateway_error_code: 'invalid_request', intake_error_code: 'VERSION_UNSUPPORTED', conflict_priority_level: 4 },
      { gateway_error_code: 'unauthorized', intake_error_code: null, conflict_priority_level: 2 },
      { gateway_error_code: 'not_found', conflict_priority_level: 3 },
      { gateway_error_code: 'not_implemented', conflict_priority_level: 6 },
    ])
    const ids = (entries: readonly object[]) => entries.map((entry) => (entry as { request_id: string }).request_id)
    expect(ids(world.told)).toEqual(ids(refusals.map(({ body }) => body.context)))
    expect(world.problems).toEqual([])
  })
})

describe('an error', () => {
  it('has the one form, with the ids that were sent', async () => {
    await open()
    const ids = { 'x-request-id': 'req-1', 'x-trace-id': 'trace-1' }
    const { body } = await post('[1, 2, 3, 4]', { ...tenant, ...ids })
    expect(body).toEqual({
      ok: false,
      error: {
        code: 'invalid_request',
        message: 'the body is [1,2,3,4]; expected an object',
        intake_error_code: 'SCHEMA_VALIDATION_FAILED',
        details: { path: '', expected: 'an object' },
      },
      context: { request_id: 'req-1', trace_id: 'trace-1', tenant_id: 'acme' },
    })
  })
})
