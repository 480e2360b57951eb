import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWorld, type World } from '../support.ts'

let world: World
let port: number
beforeAll(async () => {
  world = await openWorld()
  port = Number(new URL(await world.gateway.listen('127.0.0.1', 0)).port)
  await world.publish('flow: echo\nsteps:\n  - id: only\n    type: echo\n    with: "${input}"\n')
  for (let n = 0; n < 4; n++) await world.call('POST', '/api/v1/runs?wait=20s', { flow: 'echo', input: { n } })
})
afterAll(() => world.close())

/** Over a connection, with the address as it stands. */
async function ask(method: string, path: string) {
  const asked = request({ host: '127.0.0.1', port, method, path, agent: false }).end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  return { status: response.statusCode, headers: response.headers, body: await text(response) }
}

describe('addresses that play tricks', () => {
  it.each([
    ['//api/v1/runs', 404, 'not_found'],
    ['/api//v1/runs', 404, 'not_found'],
    ['/API/v1/runs', 404, 'not_found'],
    ['/api/v1/Runs', 404, 'not_found'],
    ['/api/v1/runs/', 400, 'invalid_request'],
    ['/api/v1/../v1/runs', 404, 'not_found'],
    ['/api/v1/runs/..', 400, 'invalid_request'],
    ['/api/v1/runs/%2e%2e', 400, 'invalid_request'],
    ['/api/v1/runs;a=b', 404, 'not_found'],
    ['/api/v1%2Fruns', 404, 'not_found'],
    ['/api/v1/flows/..%2F..%2Fetc%2Fpasswd', 404, 'flow_not_found'],
    ['/api/v1/topics/..%2Fevents/records', 404, 'not_found'],
    ['/api/v1/tenants/..%2Fadmin', 400, 'invalid_request'],
    ['/api/v1/runs/%zz', 400, 'invalid_request'],
    ['/api/v1/runs/%ff', 400, 'invalid_request'],
    ['/api/v1/runs/%00', 400, 'invalid_request'],
    [`/api/v1/flows/${'x'.repeat(300)}`, 400, 'invalid_request'],
    ['/api/v1/runs/constructor', 400, 'invalid_request'],
    ['/api/v1/flows/__proto__', 404, 'flow_not_found'],
    ['/api/v1/runs?__proto__=1', 400, 'invalid_request'],
    ['/api/v1/runs?limit=%zz', 400, 'invalid_request'],
    ['/api/v1/runs?limit', 400, 'invalid_request'],
    ['/api/v1/runs?limit=1;after=x', 400, 'invalid_request'],
    [`/api/v1/runs?${'limit=1&'.repeat(1000)}`, 400, 'invalid_request'],
  ])('%s', async (url, status, code) => {
    const answer = await ask('GET', url)
    expect(answer.status).toBe(status)
    const body = JSON.parse(answer.body)
    expect(body).toMatchObject({ ok: false, error: { code, message: expect.any(String) } })
    expect(body.error.message.length).toBeLessThan(500)
    expect(body.context.request_id).toMatch(/^req-/)
  })
})

describe('methods', () => {
  it.each([
    ['/api/v1/runs', 'GET, HEAD, OPTIONS, POST'],
    ['/api/v1/runs/batch', 'GET, HEAD, OPTIONS, POST'],
    ['/api/v1/tenants/acme?x=1', 'GET, HEAD, OPTIONS, PUT'],
    ['/api/v1/stream', 'GET, OPTIONS'],
    ['/health', 'GET, HEAD, OPTIONS'],
    ['/api/v1/messages/m', 'DELETE, GET, HEAD, OPTIONS, PUT'],
  ])('OPTIONS %s tells them', async (url, allow) => {
    const answer = await ask('OPTIONS', url)
    expect(answer).toMatchObject({ status: 204, body: '', headers: { allow } })
  })

  it('HEAD is GET without the body', async () => {
    for (const url of ['/api/v1/runs', '/health', '/openapi.json', '/api/v1/runs/x']) {
      const [get, head] = [await ask('GET', url), await ask('HEAD', url)]
      expect(head.status).toBe(get.status)
      expect(head.body).toBe('')
      expect(head.headers['content-type']).toBe(get.headers['content-type'])
    }
  })

  it.each([
    ['DELETE', '/api/v1/runs', 405, 'GET, HEAD, OPTIONS, POST'],
    ['PATCH', '/api/v1/flows', 405, 'GET, HEAD, OPTIONS, POST'],
    ['HEAD', '/api/v1/stream', 405, 'GET, OPTIONS'],
    ['DELETE', '/api/v1/nothing', 404, undefined],
    ['OPTIONS', '/api/v1/nothing', 404, undefined],
  ] as const)('%s %s is answered with %i', async (method, url, status, allow) => {
    const answer = await ask(method, url)
    expect(answer.status).toBe(status)
    expect(answer.headers.allow).toBe(allow)
    if (method !== 'HEAD') expect(JSON.parse(answer.body).ok).toBe(false)
  })
})

describe('content types', () => {
  const submit = (type: string, body: string | Buffer = '{"flow":"echo","input":{}}') =>
    world.call('POST', '/api/v1/runs', body, { 'content-type': type })

  it.each([
    'application/json; charset=utf-8',
    'application/json;charset=UTF-8;profile="a;b"',
    'APPLICATION/JSON',
    'application/json ; x=y',
    'text/json; charset=utf-8',
  ])('takes %s', async (type) => {
    expect((await submit(type)).status).toBe(202)
  })

  it.each(['application/jsonx', 'application/xml; charset=utf-8', 'multipart/form-data; boundary=x', 'text/html'])(
    'refuses %s',
    async (type) => {
      expect(await submit(type)).toMatchObject({ status: 415, body: { error: { code: 'unsupported_media_type' } } })
    },
  )

  it.each(['nonsense', '/', 'application/', '; charset=utf-8', 'a/b/c'])('refuses %j, which is none', async (type) => {
    const { status, body } = await submit(type)
    expect([400, 415]).toContain(status)
    expect(body.ok).toBe(false)
  })

  it('takes no other encoding for text', async () => {
    const utf16 = Buffer.from('{"flow":"echo","input":{}}', 'utf16le')
    expect((await submit('application/json; charset=utf-16', utf16)).status).toBe(400)
  })
})

describe('cursors', () => {
  const list = async (query: string) => (await world.call('GET', `/api/v1/runs?${query}`)).body
  const refused = (body: unknown) =>
    expect(body).toMatchObject({
      ok: false,
      error: { code: 'invalid_request', details: { code: 'INVALID_PARAMETER', path: 'after' } },
    })

  it('are of one query alone', async () => {
    const { next } = await list('flow=echo&limit=2')
    expect(next).toEqual(expect.any(String))
    expect((await list(`flow=echo&limit=1&after=${next}`)).runs).toHaveLength(1)
    for (const other of ['', 'flow=other', 'flow=echo&status=failed', 'flow=echo&order=oldest', 'version=1']) {
      refused(await list(`${other}&after=${next}`))
    }
    const { body } = await world.call('GET', `/api/v1/dlq/letters?after=${next}`)
    refused(body)
    const others = await world.call('GET', `/api/v1/runs?flow=echo&limit=2&after=${next}`, undefined, {
      'x-tenant-id': 'other',
    })
    refused(others.body)
  })

  it('that were forged are refused, or are of no use', async () => {
    const { next } = await list('flow=echo&limit=2')
    const cursor = String(next)
    const forged = [
      '',
      '0',
      '../../etc',
      '%00',
      'e30',
      Buffer.from('{"at":0,"id":"x"}').toString('base64url'),
      Buffer.from('null').toString('base64url'),
      cursor.slice(0, -1),
      cursor.slice(1),
      `${cursor}A`,
      cursor.toUpperCase(),
      'A'.repeat(4000),
    ]
    for (const after of forged) refused(await list(`flow=echo&limit=2&after=${after}`))
    // one whose place was changed within its form shows what the query shows anyway, and nothing of others
    for (let at = 0; at < cursor.length; at++) {
      const char = cursor[at] === 'A' ? 'B' : 'A'
      const { ok, runs = [] } = await list(
        `flow=echo&limit=2&after=${cursor.slice(0, at)}${char}${cursor.slice(at + 1)}`,
      )
      if (ok === false) continue
      for (const run of runs) expect(run).toMatchObject({ flow: 'echo', tenant_id: 'default' })
    }
  })
})
