import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openWorld, type World } from '../support.ts'

let world: World
beforeAll(async () => {
  world = await openWorld({
    gateway: {
      older: {
        limits: { messages: 10_000, decide: 10_000, all: 10_000 },
        abusePerWindow: 10_000,
        decisionTimeoutMs: 20_000,
      },
    },
  })
})
afterAll(() => world.close())

const tenant = { 'x-tenant-id': 'acme' }
const call = (method: Parameters<World['call']>[0], path: string, body?: unknown, headers = {}) =>
  world.call(method, `/api/v1/messages${path}`, body, { ...tenant, ...headers })
const send = (body: object, headers = {}) => call('POST', '', body, headers)
const shown = (id: string, headers = {}) => call('GET', `/${id}`, undefined, headers)
const done = (id: string, headers = {}) =>
  vi.waitFor(async () => expect((await shown(id, headers)).body.status).toBe('completed'), 60_000)
const gone = (id: string, headers = {}) =>
  vi.waitFor(async () => expect((await shown(id, headers)).status).toBe(404), 60_000)

describe('POST /api/v1/messages', () => {
  it('is answered with a receipt, and becomes a completed message', async () => {
    const { status, body } = await send({ message_type: 'chat', prompt: 'Good morning', temperature: 0.7 })
    expect(status).toBe(201)
    expect(body).toMatchObject({ message_id: expect.stringMatching(/^msg_[0-9a-f]{32}$/), status: 'published' })
    expect(body.ack_timestamp_ms).toBeGreaterThan(1_700_000_000_000)
    await done(body.message_id)
    expect((await shown(body.message_id)).body).toMatchObject({
      message_id: body.message_id,
      tenant_id: 'acme',
      message_type: 'chat',
      payload: { prompt: 'Good morning', temperature: 0.7 },
      provider_id: 'beamline',
      error: null,
      run_id: body.run_id,
    })
  })

  it('answers who speaks the language of the router with its reply', async () => {
    const message = { message_id: 'm-1', message_type: 'chat', payload: 'hello', metadata: { a: 1 } }
    const { status, body } = await send({ version: '1', tenant_id: 'acme', request_id: 'r-1', message })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      ok: true,
      decision: { provider_id: 'beamline', reason: 'weighted', priority: 50 },
      provider_id: 'beamline',
      reason: 'weighted',
      context: { request_id: 'r-1' },
      message_id: 'm-1',
    })
    expect((await shown('m-1')).body).toMatchObject({ payload: 'hello', metadata: { a: 1 } })
  })

  it('takes the same message twice as one, and refuses another under its id', async () => {
    const message = { message_id: 'm-twice', message_type: 'chat', payload: 'one and only' }
    const [first, again] = [await send(message), await send(message)]
    expect(again.body.run_id).toBe(first.body.run_id)
    expect(await send({ ...message, payload: 'another' })).toMatchObject({
      status: 409,
      body: { error: { code: 'conflict', intake_error_code: 'IDEMPOTENCY_VIOLATION' } },
    })
  })

  it('takes messages of a tenant whose runs lie on some partitions alone', async () => {
    const narrow = { 'x-tenant-id': 'narrow' }
    await world.call('PUT', '/api/v1/tenants/narrow', { spread: 1 })
    for (let n = 0; n < 6; n++) {
      expect((await send({ message_id: `n-${n}`, payload: 'some text' }, narrow)).status).toBe(201)
      await done(`n-${n}`, narrow)
    }
  })

  it('keeps tenants apart', async () => {
    await send({ message_id: 'm-acme', payload: 'for acme only' })
    await done('m-acme')
    expect((await shown('m-acme', { 'x-tenant-id': 'other' })).status).toBe(404)
    expect((await send({ message_id: 'm-acme', payload: 'of another' }, { 'x-tenant-id': 'other' })).status).toBe(201)
  })

  it.each<[what: string, body: object, code: string | null, path: string]>([
    ['nothing to send', { message_type: 'chat' }, 'SCHEMA_VALIDATION_FAILED', ''],
    ['a prompt that is too long', { prompt: 'x'.repeat(8001) }, 'SCHEMA_VALIDATION_FAILED', 'prompt'],
    ['a temperature out of range', { prompt: 'x', temperature: 2.1 }, 'SCHEMA_VALIDATION_FAILED', 'temperature'],
    ['a type that is no text', { prompt: 'x', message_type: 7 }, 'SCHEMA_VALIDATION_FAILED', 'message_type'],
    ['an id with a line break', { prompt: 'x', message_id: 'a\nb' }, 'SCHEMA_VALIDATION_FAILED', 'message_id'],
  ])('refuses %s', async (_what, body, intake, path) => {
    expect(await send(body)).toMatchObject({
      status: 400,
      body: { ok: false, error: { code: 'invalid_request', intake_error_code: intake, details: { path } } },
    })
  })
})

describe('PUT /api/v1/messages/:message_id', () => {
  it('echoes, and refuses another id than that of the path', async () => {
    const put = (body: object) => call('PUT', '/m-put', body)
    expect(await put({ payload: 'x', n: 1 })).toMatchObject({
      status: 200,
      body: { message_id: 'm-put', payload: 'x', n: 1 },
    })
    expect(await put({ message_id: 'm-other' })).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
    expect((await call('PUT', '/m-put', '[1, 2, 3, 4, 5]')).body.error.message).toMatch(/expected an object/)
  })
})

describe('DELETE', () => {
  it('deletes a message once, also one that was sent a moment ago', async () => {
    await send({ message_id: 'm-gone', payload: 'soon to be gone' })
    expect(await call('DELETE', '/m-gone')).toMatchObject({
      status: 200,
      body: { status: 'deleted', message_id: 'm-gone' },
    })
    await gone('m-gone')
    const { body } = await call('GET', '?search=m-gone')
    expect(body.data).toEqual([])
  })

  it('deletes many, and says which it does not know', async () => {
    for (const id of ['b-1', 'b-2', 'b-3']) {
      await send({ message_id: id, payload: 'one of many' })
      await done(id)
    }
    const bulk = (message_ids: unknown) => call('POST', '/bulk_delete', { message_ids })
    expect((await bulk(['b-1', 'b-2', 'nobody', 'b-1'])).body).toEqual({ deleted_count: 2, failed: ['nobody'] })
    for (const id of ['b-1', 'b-2']) await gone(id)
    expect((await bulk(['b-1', 'b-3'])).body).toEqual({ deleted_count: 1, failed: ['b-1'] })
    expect((await bulk('b-3')).status).toBe(400)
    expect((await bulk(Array.from({ length: 501 }, String))).body.error.message).toMatch(/a list of at most 500/)
    expect((await call('POST', '/bulk_delete', {})).status).toBe(400)
  })
})

describe('GET /api/v1/messages', () => {
  const lister = { 'x-tenant-id': 'lister' }
  const list = async (query: string) => (await call('GET', query, undefined, lister)).body
  const ids = (body: { data: readonly { message_id: string }[] }) => body.data.map((message) => message.message_id)
  beforeAll(async () => {
    for (let n = 1; n <= 5; n++) {
      await send({ message_id: `l-${n}`, message_type: n % 2 ? 'chat' : 'code', payload: `Text ${n}` }, lister)
      await done(`l-${n}`, lister)
    }
    await send({ message_id: 'l-deleted', payload: 'to be deleted' }, lister)
    await done('l-deleted', lister)
    await call('DELETE', '/l-deleted', undefined, lister)
    await gone('l-deleted', lister)
  })

  it('lists the latest first, in both older forms, in parts', async () => {
    const body = await list('?limit=2')
    expect(ids(body)).toEqual(['l-5', 'l-4'])
    expect(body).toMatchObject({
      pagination: { total: 5, limit: 2, offset: 0, has_more: true, complete: true },
      total: 5,
      page: 1,
    })
    expect(body.items).toEqual(body.data)
    expect(ids(await list('?limit=2&page=3'))).toEqual(['l-1'])
    expect(ids(await list('?limit=2&offset=3'))).toEqual(['l-2', 'l-1'])
    expect((await list('?limit=2&offset=4')).pagination.has_more).toBe(false)
  })

  it.each([
    ['?message_type=code', ['l-4', 'l-2']],
    ['?search=tEXT%203', ['l-3']],
    ['?status=completed&order=asc&limit=2', ['l-1', 'l-2']],
    ['?status=failed', []],
  ])('filters %s', async (query, expected) => {
    expect(ids(await list(query))).toEqual(expected)
  })

  it.each([
    ['?status=done', /expected pending, processing, completed, failed/],
    ['?limit=101', /1 to 100/],
    ['?page=2&offset=2', /not both/],
    ['?order=up', /desc, asc/],
    ['?limt=1', /did you mean 'limit'/],
    ['?limit=1&limit=2', /more than once/],
    [`?search=${'x'.repeat(257)}`, /at most 256/],
    ['?tenant_id=acme', /X-Tenant-ID says otherwise/],
  ])('refuses %s', async (query, message) => {
    const { error } = await list(query)
    expect(error).toMatchObject({ code: 'invalid_request', message: expect.stringMatching(message) })
  })
})

describe('the export', () => {
  const exporter = { 'x-tenant-id': 'exporter' }
  const formulas = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '  =cmd', '\uff1d1', 'say "hi", please']
  beforeAll(async () => {
    for (const [index, payload] of formulas.entries()) {
      await send({ message_id: `=x${index}`, message_type: '@chat', payload }, exporter)
      await done(`=x${index}`, exporter)
    }
  })

  it('is JSON, or CSV without formulas', async () => {
    const json = await call('GET', '/export?order=asc', undefined, exporter)
    expect(json.headers).toMatchObject({
      'content-disposition': 'attachment; filename="messages.json"',
      'x-export-complete': 'true',
    })
    expect(json.body.map((message: { payload: string }) => message.payload)).toEqual(formulas)
    const { headers, body } = await call('GET', '/export?format=csv&order=asc', undefined, exporter)
    expect(headers['content-type']).toBe('text/csv; charset=utf-8')
    const [head, ...lines] = body.split('\r\n')
    expect(head).toMatch(/^message_id,tenant_id,message_type,status,/)
    expect(lines).toHaveLength(formulas.length + 1)
    for (const line of lines.slice(0, -1)) {
      expect(line).toMatch(/^"'=x\d","exporter","'@chat","completed",/)
      // no cell begins with what a spreadsheet evaluates
      expect(line).not.toMatch(/(^|,)"\s*[=+\-@\uff1d]/)
    }
    expect(lines.at(-2)).toContain('"say ""hi"", please"')
  })

  it('has those that are asked for', async () => {
    const some = (body: object) => call('POST', '/export', body, exporter)
    const { body } = await some({ message_ids: ['=x0', 'nobody', '=x1'], format: 'json' })
    expect(body.map((message: { message_id: string }) => message.message_id)).toEqual(['=x0', '=x1'])
    expect((await some({ message_ids: ['=x0'], format: 'csv' })).body).toContain('"\'=x0"')
    expect((await some({ message_ids: ['=x0'], format: 'xls' })).status).toBe(400)
    expect((await some({ format: 'csv' })).status).toBe(400)
    expect((await call('GET', '/export?format=xls', undefined, exporter)).status).toBe(400)
  })
})
