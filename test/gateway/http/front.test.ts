import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import { type Front, openFront } from '../../../gateway/http/front.ts'
import { statusRoutes } from '../../../gateway/http/status-routes.ts'

const fronts: Front[] = []
afterEach(async () => {
  for (const front of fronts.splice(0)) await front.close(0)
})

async function open(reason: string | null = null): Promise<Front> {
  const routes = statusRoutes({
    environment: realEnvironment,
    waitsFor: () => reason,
    metrics: { render: async () => 'metric 1\n', contentType: 'text/plain' },
  })
  const front = await openFront('127.0.0.1', 0, realEnvironment, routes)
  fronts.push(front)
  return front
}

async function get(url: string, options: RequestInit = {}) {
  const response = await fetch(url, options)
  return { status: response.status, headers: response.headers, text: await response.text() }
}

describe('before there is a gateway', () => {
  it.each([
    ['/health', null, 200, /"status":"ok"/],
    ['/health/live?x=1', 'a task', 200, /"status":"degraded"/],
    ['/readyz', null, 200, /^\{"status":"ready","reason":null\}$/],
    ['/readyz', 'task 3 is restoring', 503, /^\{"status":"not_ready","reason":"task 3 is restoring"\}$/],
    ['/metrics', 'anything', 200, /^metric 1\n$/],
    ['/api/v1/runs', 'Kafka cannot be reached', 503, /not ready: Kafka cannot be reached/],
    ['/api/v1/runs', null, 404, /no other routes/],
  ])('%s with %j waiting', async (path, reason, status, text) => {
    const { url } = await open(reason)
    const answer = await get(url + path)
    expect(answer.status).toBe(status)
    expect(answer.text).toMatch(text)
  })

  it('takes no work, and says when to come back', async () => {
    const { url } = await open('the log is being opened')
    const answer = await get(`${url}/api/v1/runs`, { method: 'POST', body: '{}' })
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('2')
  })

  it('says which port is taken', async () => {
    const { url } = await open()
    const port = Number(new URL(url).port)
    const again = openFront('127.0.0.1', port, realEnvironment, () => {})
    await expect(again).rejects.toMatchObject({ code: 'EADDRINUSE', port })
  })
})

describe('a front', () => {
  it('hands requests over to whoever serves, on connections that are open already', async () => {
    const front = await open('starting')
    expect((await get(front.url)).status).toBe(503)
    front.serve((_request, response) => response.end('served'))
    expect((await get(front.url)).text).toBe('served')
  })

  it('lets requests in progress end, then is closed', async () => {
    const front = await open()
    const entered = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<void>()
    front.serve((_request, response) => {
      entered.resolve()
      void answer.promise.then(() => response.end('late'))
    })
    const asked = get(front.url)
    await entered.promise
    const closed = front.close(10_000)
    await expect(get(front.url)).rejects.toThrow()
    answer.resolve()
    expect((await asked).text).toBe('late')
    await closed
  })

  it('cuts what does not end within the grace', async () => {
    const front = await open()
    const entered = Promise.withResolvers<void>()
    front.serve(() => entered.resolve())
    const asked = get(front.url).then(
      () => 'answered',
      () => 'cut',
    )
    await entered.promise
    await front.close(10)
    expect(await asked).toBe('cut')
  })

  it('does not wait for connections that ask nothing', async () => {
    const front = await open()
    const socket = connect(Number(new URL(front.url).port), '127.0.0.1')
    const gone = new Promise((resolve) => socket.once('close', resolve))
    await new Promise((resolve) => socket.once('connect', resolve))
    await front.close(20)
    await gone
  })
})
