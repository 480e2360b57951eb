/** The http blocks against servers that mean no good, and the forms of requests and answers. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BlobPort } from '../../../../../processors/execute/block.ts'
import type { Json } from '../../../../../schemas/json.ts'
import { contextOf, openBlocks } from '../support.ts'

const LIMIT = 100_000
const set = openBlocks({ http: { responseLimitBytes: LIMIT } })
const guarded = openBlocks({ egress: { allow: ['127.0.0.1'] } })
const seen: {
  readonly url: string
  readonly method: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}[] = []
const BOMB = gzipSync(Buffer.alloc(50 << 20))

let other = ''
let url = ''
let raw = ''
let server: Server
let otherServer: Server
const sockets = new Set<Socket>()
const rawServer = createTcpServer((socket) => {
  sockets.add(socket)
  socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
  socket.once('data', (data) => RAW[/ (\/\S*)/.exec(data.toString())![1]!]!(socket))
})

const RAW: { readonly [path: string]: (socket: Socket) => void } = {
  '/two-lengths': (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!'),
  '/length-and-chunks': (socket) =>
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'),
  '/no-http': (socket) => socket.end('SSH-2.0-OpenSSH_9\r\n'),
  '/cut': (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello'),
  '/endless-head': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n')
    const more = (): boolean => socket.write(`x-${'a'.repeat(1_000)}: b\r\n`)
    socket.on('drain', more)
    while (!socket.destroyed && more());
  },
  '/endless': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    const more = (): boolean => socket.write(`1000\r\n${'a'.repeat(4_096)}\r\n`)
    socket.on('drain', () => {
      while (!socket.destroyed && more());
    })
    while (!socket.destroyed && more());
  },
  '/drip': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n')
    const timer = setInterval(() => socket.write('a'), 10)
    socket.on('close', () => clearInterval(timer))
  },
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url!.split('?')[0]!
  const to = (status: number, location: string) => response.writeHead(status, { location }).end('moved')
  switch (path) {
    case '/to-metadata':
      return void to(302, 'http://169.254.169.254/latest/meta-data')
    case '/to-file':
      return void to(302, 'file:///etc/passwd')
    case '/to-other':
      return void to(307, `${other}/echo`)
    case '/see-other':
      return void to(303, '/echo')
    case '/loop':
      return void to(302, '/loop')
    case '/chain':
      return void to(301, '/to-metadata')
    case '/bomb':
      return void response.writeHead(200, { 'content-encoding': 'gzip' }).end(BOMB)
    case '/not-gzip':
      return void response.writeHead(200, { 'content-encoding': 'gzip' }).end('plain')
    case '/gzip':
      return void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('packed'))
    case '/deflate':
      return void response.writeHead(200, { 'content-encoding': 'deflate' }).end(deflateSync('packed'))
    case '/br':
      return void response.writeHead(200, { 'content-encoding': 'br' }).end(brotliCompressSync('packed'))
    case '/status':
      return void response.writeHead(Number(new URL(request.url!, url).searchParams.get('code'))).end('{"a":1}')
    default:
      return void response.setHeader('content-type', 'text/plain').end('{"n":1}')
  }
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

beforeAll(async () => {
  const handler = (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('latin1')
      seen.push({ url: request.url!, method: request.method!, headers: request.headers, body })
      answer(request, response)
    })
  }
  server = createServer(handler)
  otherServer = createServer(handler)
  url = await listen(server)
  other = await listen(otherServer)
  raw = await listen(rawServer as unknown as Server)
})
afterAll(async () => {
  await Promise.all([set.close(), guarded.close()])
  for (const socket of sockets) socket.destroy()
  for (const one of [server, otherServer]) one.closeAllConnections()
  for (const one of [server, otherServer, rawServer]) one.close()
})

async function send(input: { readonly [name: string]: Json }, type = 'http', blocks = set): Promise<Json> {
  return await blocks.blocks.find((block) => block.type === type)!.run(contextOf(), input)
}

describe('redirects', () => {
  test.each([
    ['/to-metadata', 'EGRESS_REFUSED'],
    ['/chain', 'EGRESS_REFUSED'],
    ['/to-file', 'REDIRECT_REFUSED'],
    ['/loop', 'TOO_MANY_REDIRECTS'],
  ])('%s: %s', async (path, code) => {
    await expect(send({ url: `${url}${path}` })).rejects.toMatchObject({ code })
    await expect(send({ url: `${url}${path}` }, 'worker.http')).rejects.toMatchObject({ code })
  })

  test('to another origin go without credentials', async () => {
    const headers = { authorization: 'Bearer x', cookie: 'a=b', 'x-api-key': 'k', accept: 'text/plain' }
    await send({ url: `${url}/to-other`, method: 'POST', headers, body: { a: 1 } })
    const [first, second] = seen.slice(-2)
    expect(first!.headers).toMatchObject(headers)
    expect(second!).toMatchObject({ method: 'POST', body: '{"a":1}' })
    expect(second!.headers).toMatchObject({ accept: 'text/plain', 'idempotency-key': 'acme/run/one/1' })
    for (const name of ['authorization', 'cookie', 'x-api-key']) expect(second!.headers[name]).toBeUndefined()
  })

  test('303 becomes GET without a body', async () => {
    await send({ url: `${url}/see-other`, method: 'POST', headers: { authorization: 'x' }, body: 'text' })
    expect(seen.at(-1)).toMatchObject({ method: 'GET', body: '', headers: { authorization: 'x' } })
    expect(seen.at(-1)!.headers['content-type']).toBeUndefined()
  })

  test('may be left to the flow', async () => {
    const output = await send({ url: `${url}/to-metadata`, redirects: 0, expect: '3xx' })
    expect(output).toMatchObject({ status: 302, headers: { location: 'http://169.254.169.254/latest/meta-data' } })
  })
})

describe('answers', () => {
  test.each([
    ['/two-lengths', 'HTTP_REQUEST_FAILED'],
    ['/length-and-chunks', 'HTTP_REQUEST_FAILED'],
    ['/no-http', 'HTTP_REQUEST_FAILED'],
    ['/cut', 'HTTP_REQUEST_FAILED'],
    ['/endless-head', 'HTTP_REQUEST_FAILED'],
    ['/endless', 'RESPONSE_TOO_LARGE'],
  ])('%s: %s', async (path, code) => {
    await expect(send({ url: `${raw}${path}` })).rejects.toMatchObject({ code })
  })

  test('a bomb of 50 MB is not unpacked beyond the limit', async () => {
    const before = process.memoryUsage.rss()
    for (let i = 0; i < 20; i++) {
      await expect(send({ url: `${url}/bomb` })).rejects.toMatchObject({ code: 'RESPONSE_TOO_LARGE' })
    }
    expect(process.memoryUsage.rss() - before).toBeLessThan(150 << 20)
  })

  test('bytes that are not what they say are an error', async () => {
    await expect(send({ url: `${url}/not-gzip` })).rejects.toMatchObject({ code: 'HTTP_REQUEST_FAILED' })
  })

  test.each(['/gzip', '/deflate', '/br'])('%s is unpacked', async (path) => {
    expect(await send({ url: `${url}${path}` })).toMatchObject({ body: 'packed' })
  })

  test('one that drips ends with the time limit', async () => {
    await expect(send({ url: `${raw}/drip`, timeout_ms: 100 })).rejects.toMatchObject({ code: 'TIMEOUT' })
    await expect.poll(() => sockets.size).toBe(0)
  })

  test.each([
    [undefined, { body: '{"n":1}' }],
    ['json', { body: { n: 1 } }],
    ['bytes', { body: 'eyJuIjoxfQ==' }],
  ])('as %s', async (as, expected) => {
    expect(await send({ url: `${url}/x`, ...(as && { as }) })).toMatchObject(expected)
  })

  test('as a blob', async () => {
    const stored: Buffer[] = []
    const blobs: BlobPort = {
      put: async (bytes, { type }) => {
        for await (const chunk of bytes) stored.push(Buffer.from(chunk))
        return { blob: 'blob://1', size: 1, type, hash: 'x' }
      },
      get: () => Promise.reject(new Error('not asked for')),
    }
    const block = set.blocks.find(({ type }) => type === 'http')!
    const output = await block.run(contextOf({ blobs }), { url: `${url}/gzip`, as: 'blob' })
    expect(output).toMatchObject({ body: { blob: 'blob://1' } })
    expect(Buffer.concat(stored).toString()).toBe('packed')
    await expect(send({ url: `${url}/x`, as: 'blob' })).rejects.toMatchObject({ code: 'BLOBS_UNAVAILABLE' })
  })
})

describe('a body that is a blob', () => {
  const stored = Buffer.from([0, 1, 2, 250])
  const blobs: BlobPort = {
    put: () => Promise.reject(new Error('not asked for')),
    get: async (reference) => {
      if (reference === 'blob://huge') return endless()
      return (async function* () {
        yield stored.subarray(0, 2)
        yield stored.subarray(2)
      })()
    },
  }
  async function* endless(): AsyncIterable<Uint8Array> {
    for (;;) yield new Uint8Array(2 ** 24)
  }
  const block = () => set.blocks.find(({ type }) => type === 'http')!

  test.each<[Json, string]>([
    ['blob://1', 'application/octet-stream'],
    [{ blob: 'blob://1', type: 'image/png', size: 4 }, 'image/png'],
  ])('%j is sent as it is', async (blob, type) => {
    await block().run(contextOf({ blobs }), { url: `${url}/echo`, method: 'PUT', blob })
    const headers = { 'content-type': type, 'content-length': '4' }
    expect(seen.at(-1)).toMatchObject({ method: 'PUT', body: stored.toString('latin1'), headers })
  })

  test.each<[{ readonly [name: string]: Json }, string, string]>([
    [{ blob: {} }, 'REQUEST_BUILD_ERROR', 'has no reference'],
    [{ blob: 'blob://huge' }, 'REQUEST_BUILD_ERROR', 'has more than 67108864 bytes'],
    [{ blob: 'blob://1', body: 'x' }, 'REQUEST_BUILD_ERROR', "'body' and 'blob'; expected one"],
  ])('%j: %s', async (body, code, message) => {
    const asked = block().run(contextOf({ blobs }), { url: `${url}/echo`, method: 'PUT', ...body })
    await expect(asked).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
  })

  test('wants a place for blobs', async () => {
    await expect(send({ url: `${url}/echo`, blob: 'blob://1' })).rejects.toMatchObject({ code: 'BLOBS_UNAVAILABLE' })
  })
})

describe('expect', () => {
  test.each<[Json | undefined, number, string]>([
    [undefined, 204, 'ok'],
    [undefined, 404, 'HTTP_ERROR'],
    ['any', 500, 'ok'],
    [404, 404, 'ok'],
    [404, 200, 'HTTP_ERROR'],
    ['4xx', 418, 'ok'],
    [['2xx', 404], 404, 'ok'],
    ['nonsense', 200, 'REQUEST_BUILD_ERROR'],
  ])('%j, %i: %s', async (wanted, status, expected) => {
    const input = { url: `${url}/status?code=${status}`, ...(wanted !== undefined && { expect: wanted }) }
    const outcome = await send(input).then(
      () => 'ok',
      (error: { code: string }) => error.code,
    )
    expect(outcome).toBe(expected)
  })
})

describe('requests', () => {
  test.each<[string, { readonly [name: string]: Json }, object]>([
    ['a query', { query: { a: 1, b: ['x', 'y'], c: null } }, { url: '/p?z=0&a=1&b=x&b=y' }],
    [
      'a form',
      { method: 'POST', form: { a: 'x y', b: [1, 2] } },
      { body: 'a=x+y&b=1&b=2', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    ],
    ['bytes', { method: 'PUT', bytes: '/w==' }, { body: '\xff', headers: { 'content-length': '1' } }],
    ['a name and password', {}, { headers: { authorization: `Basic ${Buffer.from('u:p@ss').toString('base64')}` } }],
  ])('%s', async (name, input, expected) => {
    const at = name === 'a name and password' ? url.replace('//', '//u:p%40ss@') : url
    await send({ url: `${at}/p?z=0`, ...input })
    expect(seen.at(-1)).toMatchObject(expected)
  })

  test('parts', async () => {
    const multipart = [
      { name: 'note', value: 'x\r\ny' },
      { name: 'f"ile', filename: 'a\n.txt', bytes: 'aGk=', type: 'text/plain' },
    ]
    await send({ url: `${url}/p`, method: 'POST', multipart })
    const { headers, body } = seen.at(-1)!
    const [, boundary] = /boundary=(.+)$/.exec(String(headers['content-type']))!
    expect(body.split(`--${boundary}`).map((part) => part.trim())).toEqual([
      '',
      'Content-Disposition: form-data; name="note"\r\n\r\nx\r\ny',
      'Content-Disposition: form-data; name="f%22ile"; filename="a%0A.txt"\r\nContent-Type: text/plain\r\n\r\nhi',
      '--',
    ])
  })

  test.each<[string, { readonly [name: string]: Json }]>([
    ['two bodies', { body: 'x', form: {} }],
    ['no base64', { bytes: '§' }],
    ['an object in a query', { query: { a: {} } }],
    ['a line break in a header', { headers: { a: 'b\r\nc: d' } }],
    ['a line break in a type', { multipart: [{ name: 'a', value: '', type: 'x\r\ny: z' }] }],
  ])('%s: REQUEST_BUILD_ERROR', async (_name, input) => {
    await expect(send({ url: `${url}/p`, method: 'POST', ...input })).rejects.toMatchObject({
      code: 'REQUEST_BUILD_ERROR',
    })
  })

  test('a second length of the body is not sent', async () => {
    await send({
      url: `${url}/p`,
      method: 'POST',
      body: 'four',
      headers: { 'Content-Length': '2', 'Transfer-Encoding': 'chunked' },
    })
    expect(seen.at(-1)).toMatchObject({ body: 'four', headers: { 'content-length': '4' } })
    expect(seen.at(-1)!.headers['transfer-encoding']).toBeUndefined()
  })
})

test('the guard is asked for every kind of request', async () => {
  const inside = 'http://10.0.0.1/'
  for (const type of ['http', 'worker.http', 'graphql']) {
    const error = await send({ url: inside, ...(type === 'graphql' && { query: '{a}' }) }, type, guarded).catch(
      (e: unknown) => e,
    )
    expect(error, type).toMatchObject({ code: 'EGRESS_REFUSED' })
  }
  await expect(send({ url: inside, method: 'GET' }, 'http.request', guarded)).rejects.toMatchObject({
    code: 'PERMISSION_DENIED',
  })
})
