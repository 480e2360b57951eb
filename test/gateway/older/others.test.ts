import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NOT_BUILT } from '../../../gateway/older/api-not-built.ts'
import { openWorld, type World } from '../support.ts'

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

const tenant = { 'x-tenant-id': 'acme' }

describe('what is not built yet', () => {
  it.each(Object.values(NOT_BUILT).map((operation) => [operation.method, operation.path] as const))(
    '%s %s says so',
    async (method, path) => {
      const payload = method === 'GET' || method === 'DELETE' ? undefined : { name: 'something' }
      const answer = await world.call(method, path.replaceAll(/:[a-z_]+/g, 'x'), payload, tenant)
      expect(answer).toMatchObject({
        status: 501,
        body: { ok: false, error: { code: 'not_implemented', details: { method, path } } },
      })
      expect(answer.body.error.message).toContain(`${method} ${path} is not implemented: `)
    },
  )
})

describe('/api/v1/registry/blocks', () => {
  const path = '/api/v1/registry/blocks/http/1'
  const change = (method: 'POST' | 'PUT' | 'DELETE', body?: object, url = path) => world.call(method, url, body, tenant)

  it.each([
    ['POST', 201, 'created'],
    ['PUT', 200, 'updated'],
    ['DELETE', 200, 'unregistered'],
  ] as const)('%s answers %i %s', async (method, status, what) => {
    const manifest = { type: 'http', version: '1', schema: { type: 'object' } }
    const answer = await change(method, method === 'DELETE' ? undefined : manifest)
    expect(answer).toMatchObject({ status, body: { type: 'http', version: '1', status: what } })
    expect(answer.body.ts).toBeGreaterThan(1_700_000_000_000)
    const kept = async () => {
      const query = `flow=beamline.block-registration&metadata=type:http,version:1,status:${what}`
      return (await world.call('GET', `/api/v1/runs/counts?${query}`, undefined, tenant)).body.total
    }
    await expect.poll(kept).toBe(1)
  })

  it('takes type and version of the body', async () => {
    const answer = await change('POST', { type: 'sql', version: 2 }, '/api/v1/registry/blocks')
    expect(answer).toMatchObject({ status: 201, body: { type: 'sql', version: '2', status: 'created' } })
  })

  it.each<[what: string, body: object, url: string, status: number, code: string]>([
    ['another type than that of the path', { type: 'sql' }, path, 409, 'conflict'],
    ['another version than that of the path', { version: 2 }, path, 409, 'conflict'],
    ['a schema that is none', { schema: 'object' }, path, 400, 'invalid_schema'],
    ['no type', { version: '1' }, '/api/v1/registry/blocks', 400, 'invalid_schema'],
    ['a type that is no name', {}, '/api/v1/registry/blocks/..%2Fetc/1', 400, 'invalid_schema'],
  ])('refuses %s', async (_what, body, url, status, code) => {
    for (const method of url === '/api/v1/registry/blocks' ? (['POST'] as const) : (['POST', 'PUT'] as const)) {
      expect(await change(method, body, url)).toMatchObject({ status, body: { error: { code } } })
    }
  })

  it('still shows what steps may do', async () => {
    expect((await world.call('GET', '/api/v1/registry/blocks')).body).toEqual({ blocks: [] })
  })
})

describe('health and figures', () => {
  it('have the form that the older console wants', async () => {
    await expect.poll(async () => (await world.call('GET', '/_health')).body.status).toBe('ok')
    expect((await world.call('GET', '/_health')).body).toMatchObject({
      timestamp_ms: expect.any(Number),
      nats: { connected: true },
    })
    for (let n = 0; n < 20; n++) await world.call('GET', '/api/v1/runs', undefined, tenant)
    const { status, body } = await world.call('GET', '/_metrics')
    expect(status).toBe(200)
    expect(body).toMatchObject({ rate_limit: { exceeded: 0 }, nats: { connected: true }, ts: expect.any(Number) })
    expect(body.rps).toBeGreaterThan(0)
    expect(body.latency.p50).toBeGreaterThan(0)
    expect(body.latency.p50).toBeLessThanOrEqual(body.latency.p95)
    expect(body.latency.p95).toBeLessThanOrEqual(body.latency.p99)
    expect(body.error_rate).toBeGreaterThan(0) // of those that were answered 501
    expect(body.error_rate).toBeLessThan(1)
  })

  it('are JSON at /metrics for who asks for it, text for all others', async () => {
    const metrics = (accept: string) => world.call('GET', '/metrics', undefined, { accept })
    expect((await metrics('application/json, text/plain, */*')).body).toMatchObject({ latency: {} })
    for (const accept of ['*/*', 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5,*/*;q=0.1']) {
      expect((await metrics(accept)).body).toMatch(/^# HELP/)
    }
  })
})
