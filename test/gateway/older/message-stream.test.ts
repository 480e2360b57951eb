import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openWorld, type World } from '../support.ts'

let world: World
let url: string
const stops: AbortController[] = []
beforeAll(async () => {
  const limits = { messages: 10_000, all: 10_000 }
  world = await openWorld({ gateway: { live: { heartbeatMs: 50 }, older: { limits, maxStreams: 3 } } })
  url = await world.gateway.listen('127.0.0.1', 0)
})
afterAll(async () => {
  for (const stop of stops) stop.abort()
  await world.close()
})

interface Seen {
  readonly event: string
  readonly data: { readonly message_id: string; readonly status?: string; readonly tenant_id: string }
}

async function follow(tenant: string) {
  const stop = new AbortController()
  stops.push(stop)
  const response = await fetch(`${url}/api/v1/messages/stream?tenant_id=${tenant}`, { signal: stop.signal })
  const seen: Seen[] = []
  const text = { all: '' }
  const reading = (async () => {
    let rest = ''
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text.all += chunk
      const parts = (rest + chunk).split('\n\n')
      rest = parts.pop()!
      for (const part of parts) {
        const found = /^event: (\w+)\ndata: (.*)$/.exec(part)
        if (found !== null) seen.push({ event: found[1]!, data: JSON.parse(found[2]!) })
      }
    }
  })().catch(() => {})
  return { response, seen, text, stop, reading }
}

const send = (message_id: string, tenant = 'acme') =>
  world.call('POST', '/api/v1/messages', { message_id, payload: 'some text' }, { 'x-tenant-id': tenant })

describe('GET /api/v1/messages/stream', () => {
  it('tells of messages that are created, updated and deleted, of the tenant alone', async () => {
    const { response, seen, text, stop, reading } = await follow('acme')
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    await send('other-1', 'other')
    await send('s-1')
    const names = () => seen.map(({ event, data }) => `${event} ${data.message_id} ${data.status ?? ''}`.trim())
    await vi.waitFor(
      () => expect(names()).toEqual(['message_created s-1 pending', 'message_updated s-1 completed']),
      60_000,
    )
    await world.call('DELETE', '/api/v1/messages/s-1', undefined, { 'x-tenant-id': 'acme' })
    await vi.waitFor(() => expect(names().slice(2)).toEqual(['message_deleted s-1']), 60_000)
    expect(new Set(seen.map(({ data }) => data.tenant_id))).toEqual(new Set(['acme']))
    await vi.waitFor(() => expect(text.all).toContain(': heartbeat'), 60_000)
    stop.abort()
    await reading
  })

  it('has a bound of clients, and room again when one has gone', async () => {
    const clients = await Promise.all(['a', 'b', 'c'].map(follow))
    const refused = await world.call('GET', '/api/v1/messages/stream?tenant_id=d')
    expect(refused).toMatchObject({
      status: 503,
      headers: { 'retry-after': '5' },
      body: { error: { code: 'service_overloaded', details: { max_clients: 3 } } },
    })
    for (const { stop, reading } of clients) {
      stop.abort()
      await reading
    }
    await vi.waitFor(async () => {
      const again = await follow('d')
      expect(again.response.status).toBe(200)
    }, 60_000)
  })

  it('asks for a tenant', async () => {
    expect((await world.call('GET', '/api/v1/messages/stream')).status).toBe(400)
  })
})
