import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Block } from '../../../../processors/execute/block.ts'
import { buildRequest } from '../../../../processors/execute/blocks/io/http-request.ts'
import { classOfStatus, responseBody, retryAfterMs } from '../../../../processors/execute/blocks/io/http-response.ts'
import type { Json } from '../../../../schemas/json.ts'
import { contextOf, openBlocks } from './support.ts'

const set = openBlocks({ http: { responseLimitBytes: 1_000 } })
const blockOf = (type: string): Block => set.blocks.find((block) => block.type === type)!

describe('fail', () => {
  test.each([
    [{}, 1, { code: 'FAILED', class: 'permanent', retryAfterMs: null }],
    [
      { code: 'BUSY', message: 'later', class: 'transient', retryAfterMs: 5 },
      1,
      { code: 'BUSY', class: 'transient', retryAfterMs: 5 },
    ],
    [{ times: 2, output: { ok: true } }, 2, { code: 'FAILED' }],
  ])('%j at attempt %i fails', async (input, attempt, expected) => {
    await expect(blockOf('fail').run(contextOf({ attempt }), input)).rejects.toMatchObject(expected)
  })

  test('attempts beyond `times` return `output`', async () => {
    expect(await blockOf('fail').run(contextOf({ attempt: 3 }), { times: 2, output: { ok: true } })).toEqual({
      ok: true,
    })
    expect(await blockOf('fail').run(contextOf({ attempt: 1 }), { times: 0 })).toBeNull()
  })
})

describe('http requests', () => {
  const context = { key: 'acme/r/s/1', traceparent: '00-a-b-01' }
  test.each([
    [{ url: 'http://h/p' }, 'GET', { 'idempotency-key': 'acme/r/s/1', traceparent: '00-a-b-01' }, null],
    [
      { url: 'http://h/p', method: 'post', body: { a: 1 }, headers: { 'Idempotency-Key': 'own', 'X-N': 5 } },
      'POST',
      { 'idempotency-key': 'own', traceparent: '00-a-b-01', 'content-type': 'application/json', 'x-n': '5' },
      '{"a":1}',
    ],
    [
      { url: 'http://h/p', method: 'PUT', body: 'raw' },
      'PUT',
      { 'idempotency-key': 'acme/r/s/1', traceparent: '00-a-b-01' },
      'raw',
    ],
  ])('%j', (input, method, headers, body) => {
    const request = buildRequest(context, input)
    expect({ method: request.method, headers: { ...request.headers }, body: request.body }).toEqual({
      method,
      headers,
      body,
    })
  })

  test.each([
    [{}, 'MISSING_URL', "no 'url'"],
    [{ url: ' ' }, 'MISSING_URL', "no 'url'"],
    [{ url: 'nowhere' }, 'REQUEST_BUILD_ERROR', "'nowhere' is no http or https URL"],
    [{ url: 'file:///etc/passwd' }, 'REQUEST_BUILD_ERROR', 'no http or https URL'],
    [{ url: 'http://h', method: 'BREW' }, 'INVALID_METHOD', "method 'BREW' is not known; expected one of GET"],
    [{ url: 'http://h', headers: { 'a b': 'c' } }, 'REQUEST_BUILD_ERROR', "'a b' is no name of a header"],
    [{ url: 'http://h', headers: { a: 'b\r\nc: d' } }, 'REQUEST_BUILD_ERROR', "header 'a'"],
  ])('%j is refused with %s', (input, code, message) => {
    expect(() => buildRequest(context, input)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    )
  })
})

describe('http responses', () => {
  test.each([
    [301, 'permanent'],
    [400, 'permanent'],
    [404, 'permanent'],
    [408, 'transient'],
    [425, 'transient'],
    [429, 'transient'],
    [500, 'transient'],
    [599, 'transient'],
  ])('status %i is %s', (status, expected) => {
    expect(classOfStatus(status)).toBe(expected)
  })

  test.each([
    [null, null],
    ['3', 3_000],
    [' 0 ', 0],
    ['Thu, 01 Jan 1970 00:00:10 GMT', 9_000],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['99999999999', 86_400_000],
    ['soon', null],
  ])('Retry-After %j is %j ms', (value, expected) => {
    expect(retryAfterMs(value, 1_000)).toBe(expected)
  })

  test.each([
    ['{"a":1}', 'application/json; charset=utf-8', { a: 1 }],
    ['{"a":1}', 'application/problem+json', { a: 1 }],
    ['{"a":1}', 'text/plain', '{"a":1}'],
    ['{"a":', 'application/json', '{"a":'],
    ['', undefined, ''],
  ])('%j of type %j', (text, type, expected) => {
    expect(responseBody(text, type)).toEqual(expected)
  })
})

describe('http', () => {
  let server: Server
  let url = ''
  const seen: { readonly method: string; readonly headers: IncomingMessage['headers']; readonly body: string }[] = []
  const answers: { readonly [path: string]: (response: ServerResponse) => void } = {
    '/json': (response) => response.setHeader('content-type', 'application/json').end('{"n":1}'),
    '/moved': (response) => response.writeHead(302, { location: '/json' }).end(),
    '/busy': (response) => response.writeHead(429, { 'retry-after': '7' }).end('calm down'),
    '/gone?key=private': (response) => response.writeHead(404).end(),
    '/moved?key=private': (response) => response.writeHead(302, { location: '/json' }).end(),
    '/broken?key=private': (response) => response.destroy(),
    '/gone': (response) => response.writeHead(404, { 'retry-after': '7' }).end('not here'),
    '/large': (response) => response.end('x'.repeat(1_001)),
    '/fits': (response) => response.end('x'.repeat(1_000)),
    '/broken': (response) => response.destroy(),
    '/never': () => {},
  }

  beforeAll(async () => {
    server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        seen.push({ method: request.method!, headers: request.headers, body })
        answers[request.url!]!(response)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(async () => {
    await set.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  const send = async (path: string, more: { [name: string]: Json } = {}, signal?: AbortSignal): Promise<Json> =>
    await blockOf('http').run(contextOf(signal === undefined ? {} : { signal }), { url: `${url}${path}`, ...more })

  test('sends and parses JSON, with the key of the attempt', async () => {
    const output = await send('/json', { method: 'POST', body: { a: [1] } })
    expect(output).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' }, body: { n: 1 } })
    expect(seen.at(-1)).toMatchObject({
      method: 'POST',
      body: '{"a":[1]}',
      headers: { 'idempotency-key': 'acme/run/one/1', 'content-type': 'application/json' },
    })
  })

  test('follows a redirect', async () => {
    expect(await send('/moved')).toMatchObject({ status: 200, body: { n: 1 } })
  })

  test.each([
    [
      '/busy',
      { code: 'HTTP_ERROR', class: 'transient', retryAfterMs: 7_000, detail: { status: 429, body: 'calm down' } },
    ],
    [
      '/gone',
      { code: 'HTTP_ERROR', class: 'permanent', retryAfterMs: null, detail: { status: 404, body: 'not here' } },
    ],
    ['/large', { code: 'RESPONSE_TOO_LARGE' }],
    ['/broken', { code: 'HTTP_REQUEST_FAILED' }],
  ])('%s', async (path, expected) => {
    await expect(send(path)).rejects.toMatchObject(expected)
  })

  test('a body of exactly the limit is read', async () => {
    expect(await send('/fits')).toMatchObject({ body: 'x'.repeat(1_000) })
  })

  test.each([
    ['/gone', {}, 'answered with status 404; expected 2xx'],
    ['/moved', { redirects: 0 }, 'answered with status 302; expected 2xx'],
    ['/broken', {}, 'UND_ERR_SOCKET other side closed'],
  ])('the error of %s names who was asked, and no more of the address', async (path, more, said) => {
    const at = `${url}${path}?key=private`.replace('//', '//ada:private@')
    const error = (await send('', { url: at, ...more }).catch((thrown: unknown) => thrown)) as Error
    expect(error.message).toContain(`${url} ${said}`.replace(' UND', ': UND'))
    expect(error.message).not.toContain('private')
  })

  test('the port of a scheme is named too, and no credentials of what is no address', async () => {
    const refused = await send('', { url: 'http://ada:private@[::1]/private' }).catch((thrown: unknown) => thrown)
    expect((refused as Error).message).toContain('http://[::1]:80: ECONNREFUSED')
    for (const bad of [
      'ftp://ada:pri/vate@example.org',
      'ada:private@example.org',
      `http://a:${'p'.repeat(300)}private@`,
    ]) {
      const error = (await send('', { url: bad }).catch((thrown: unknown) => thrown)) as Error
      expect(error.message).toMatch(/is no http or https URL$/)
      expect(error.message).not.toMatch(/pri|ppp/)
    }
  })

  test('a refused connection is transient', async () => {
    const input = { url: 'http://127.0.0.1:1/' }
    const declared = blockOf('http').errors.find((error) => error.code === 'HTTP_REQUEST_FAILED')
    await expect(blockOf('http').run(contextOf(), input)).rejects.toMatchObject({
      code: 'HTTP_REQUEST_FAILED',
      detail: { code: 'ECONNREFUSED' },
    })
    expect(declared?.class).toBe('transient')
  })

  test('an abort ends a request that is not answered', async () => {
    const controller = new AbortController()
    const arrived = seen.length
    const sent = send('/never', {}, controller.signal)
    await expect.poll(() => seen.length).toBe(arrived + 1)
    controller.abort(new Error('enough'))
    await expect(sent).rejects.toThrow('enough')
  })
})
