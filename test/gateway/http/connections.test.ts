/** What clients do to connections: late, half, too much, too many. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import { type Front, type FrontOptions, openFront } from '../../../gateway/http/front.ts'
import { openWorld, type World } from '../support.ts'

let world: World
let front: Front
beforeEach(async () => {
  world = await openWorld()
  await world.publish('flow: echo\nsteps:\n  - id: only\n    type: echo\n    with: "${input}"\n')
})
afterEach(async () => {
  await front.close(0)
  await world.close()
})

async function open(options: FrontOptions = {}): Promise<number> {
  await world.gateway.app.ready()
  front = await openFront('127.0.0.1', 0, realEnvironment, world.gateway.app.routing, options)
  return Number(new URL(front.url).port)
}

/** Everything that comes until the connection ends. */
async function said(socket: Socket): Promise<string> {
  let all = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    all += text
  })
  socket.on('error', () => {})
  // not `once`: who still writes while the server hangs up hears of it, after what the server has said
  await new Promise<void>((resolve) => socket.on('close', () => resolve()))
  return all
}

async function ask(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(text)
  return said(socket)
}

const runs = async (): Promise<number> => (await world.call('GET', '/api/v1/runs/counts')).body.total
const submission = '{"flow":"echo","input":{"n":1}}'
const submitWhole = () =>
  fetch(`${front.url}/api/v1/runs?wait=20s`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: submission,
  })
const head = (length: number, more = '') =>
  `POST /api/v1/runs HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n${more}\r\n`

describe('a body that stops half-way', () => {
  it.each([
    ['with its length told', head(submission.length) + submission.slice(0, 20)],
    [
      'in chunks',
      `POST /api/v1/runs HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n10\r\n${submission.slice(0, 16)}\r\n`,
    ],
  ])('%s begins nothing, and others are served', async (_what, text) => {
    const port = await open()
    const socket = connect(port, '127.0.0.1')
    const answered = said(socket)
    socket.write(text)
    const whole = await submitWhole()
    expect(whole.status).toBe(200)
    socket.destroy()
    expect(await answered).toBe('')
    expect((await fetch(`${front.url}/health`)).status).toBe(200)
    expect(await runs()).toBe(1)
    expect(world.problems).toEqual([])
  })

  it('half-closed, is refused', async () => {
    const port = await open()
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const answered = said(socket)
    socket.end(head(submission.length) + submission.slice(0, 20))
    expect(await answered).toMatch(/^(HTTP\/1\.1 400 |$)/)
    expect(await runs()).toBe(0)
  })
})

describe('slow senders', () => {
  it.each([
    ['of a head', 'GET /health HTTP/1.1\r\nhost: x\r\n', 'x-a: b\r\n'],
    ['of a body', head(1000), ' '],
  ])('%s are let go when their time is up', async (_what, begin, drop) => {
    const port = await open({ headersTimeoutMs: 200, requestTimeoutMs: 300, checkEveryMs: 20 })
    const socket = connect(port, '127.0.0.1')
    const answered = said(socket)
    socket.write(begin)
    const dripping = setInterval(() => socket.write(drop), 10)
    const answer = await answered
    clearInterval(dripping)
    expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/)
    expect(answer).toContain('"code":"timeout"')
    expect(await runs()).toBe(0)
    expect((await fetch(`${front.url}/health`)).status).toBe(200)
  })
})

describe('heads', () => {
  it.each<[what: string, request: string, status: number, code: string]>([
    ['a long address', `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`, 431, 'HPE_HEADER_OVERFLOW'],
    [
      'a long header',
      `GET /health HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
      431,
      'HPE_HEADER_OVERFLOW',
    ],
    ['many headers', `GET /health HTTP/1.1\r\nhost: x\r\n${'a: b\r\n'.repeat(4000)}\r\n`, 431, 'HPE_HEADER_OVERFLOW'],
    ['no HTTP', 'HELO beamline\r\n\r\n', 400, 'HPE_INVALID_METHOD'],
    ['another version', 'GET /health HTTP/9.9\r\nhost: x\r\n\r\n', 400, 'HPE_INVALID_VERSION'],
    [
      'an escape in a header',
      'GET /x HTTP/1.1\r\nhost: x\r\nx-request-id: a\x1b[31m\r\n\r\n',
      400,
      'HPE_INVALID_HEADER_TOKEN',
    ],
    [
      'two lengths of one body',
      'POST /api/v1/runs HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
      'HPE_INVALID_TRANSFER_ENCODING',
    ],
  ])('with %s are refused in the one form', async (_what, request, status, code) => {
    const port = await open()
    const answer = await ask(port, request)
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    const body = JSON.parse(answer.split('\r\n\r\n')[1]!)
    expect(body).toMatchObject({ ok: false, error: { code: 'invalid_request', details: { code } } })
  })

  it('name one tenant', async () => {
    const port = await open()
    const two = 'x-tenant-id: a\r\nx-tenant-id: b\r\nconnection: close\r\n'
    expect(await ask(port, `GET /api/v1/runs HTTP/1.1\r\nhost: x\r\n${two}\r\n`)).toMatch(/^HTTP\/1\.1 400 /)
  })
})

/** In a process of its own, as each end of a connection takes a descriptor. */
const IDLERS = `
const { connect } = require('node:net')
const [port, count] = process.argv.slice(1).map(Number)
let open = 0
const next = () => {
  const socket = connect(port, '127.0.0.1', () => {
    if (++open === count) console.log('open')
    if (begun < count) { begun++; next() }
  })
  socket.on('error', (error) => { console.log(error.code); process.exit(1) })
}
let begun = Math.min(count, 200)
for (let n = 0; n < begun; n++) next()
process.stdin.on('end', () => process.exit(0)).resume()
`

describe('10,000 idle connections', () => {
  it('take little memory, and others are served', async () => {
    const port = await open()
    const before = process.memoryUsage().rss
    const idlers = spawn(process.execPath, ['-e', IDLERS, String(port), '10000'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const [first] = await once(createInterface(idlers.stdout), 'line')
    expect(first).toBe('open')
    await vi.waitFor(async () => expect(await connections()).toBeGreaterThanOrEqual(10_000), 60_000)
    // which is to say that the run has ended in time
    const answer = await submitWhole()
    expect(answer.status).toBe(200)
    expect(process.memoryUsage().rss - before).toBeLessThan(400 << 20)
    idlers.stdin.end()
    await once(idlers, 'exit')
    await vi.waitFor(async () => expect(await connections()).toBeLessThan(10), 60_000)
  })

  it('are not exceeded', async () => {
    const port = await open({ maxConnections: 2 })
    const kept = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
    await vi.waitFor(async () => expect(await connections()).toBe(2), 60_000)
    expect(await ask(port, 'GET /health HTTP/1.1\r\nhost: x\r\n\r\n')).toBe('')
    for (const socket of kept) socket.destroy()
    await vi.waitFor(async () => expect((await fetch(`${front.url}/health`)).status).toBe(200), 60_000)
  })

  const connections = () =>
    new Promise<number>((resolve, reject) =>
      front.server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
    )
})
