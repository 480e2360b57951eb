import { type ClientRequest, get, type IncomingMessage } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Random } from '../../../load/process/random.ts'
import { encodeRecord } from '../../../schemas/codec/wire.ts'
import type { TenantId } from '../../../schemas/ids.ts'
import type { OutRecord } from '../../../topology/log/port.ts'
import { StreamParser, skipped, someRun } from '../live/support.ts'
import { openWorld, type World } from '../support.ts'

const FLOW = 'flow: greet\nsteps:\n  - id: hello\n    type: echo\n    with: "${input}"\n'

let world: World
let url: string
beforeAll(async () => {
  world = await openWorld({ gateway: { live: { maxClients: 1_100, maxWaitingBytes: 64 << 10 } } })
  await world.publish(FLOW)
  url = await world.gateway.listen('127.0.0.1', 0)
})
afterAll(() => world.close())

class Client {
  readonly parser = new StreamParser()
  readonly request: ClientRequest
  response: IncomingMessage | null = null
  status = 0
  type: string | undefined
  /** Bytes after which it breaks the connection. */
  cutAfter = Number.POSITIVE_INFINITY
  /** Settles once the connection is over. */
  readonly over: Promise<void>
  #wake: (() => void)[] = []

  constructor(path = '/api/v1/stream', headers: { readonly [name: string]: string } = {}) {
    this.request = get(`${url}${path}`, { headers, agent: false })
    this.over = new Promise((resolve) => {
      this.request.on('close', resolve).on('error', () => {})
    })
    this.request.on('close', () => this.#changed())
    this.request.on('response', (response) => {
      this.response = response
      this.status = response.statusCode!
      this.type = response.headers['content-type']
      response.on('error', () => {})
      response.on('data', (chunk: Buffer) => {
        const part = chunk.subarray(0, this.cutAfter)
        this.cutAfter -= part.length
        this.parser.push(part.toString('utf8'))
        if (this.cutAfter <= 0) this.request.destroy()
        this.#changed()
      })
    })
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#wake.push(resolve))
  }

  get begun(): Promise<void> {
    return this.until(() => this.parser.lastId !== '')
  }

  get kinds(): unknown[] {
    return this.parser.events.map(({ data }) => data['kind'])
  }
}

const submit = (headers = {}) => world.call('POST', '/api/v1/runs?wait=30s', { flow: 'greet', input: {} }, headers)

/** As a client reads them: an answer may hold fewer than there are, and then says where to go on. */
async function eventsOf(runId: string, { limit = 500, ...headers }: { readonly limit?: number } & object = {}) {
  const events: { readonly kind: string; readonly position: string }[] = []
  for (let after = ''; ; ) {
    const { body } = await world.call('GET', `/api/v1/runs/${runId}/events?limit=${limit}${after}`, undefined, headers)
    events.push(...body.events)
    if (body.next === null) return { events, body }
    after = `&after=${body.next}`
  }
}

const RUN = ['RunAccepted', 'StepQueued', 'StepStarted', 'StepCompleted', 'RunCompleted']

describe('GET /api/v1/stream', () => {
  it('sends the events of the tenant as they happen, and ends with the connection', async () => {
    const [mine, theirs] = [new Client(), new Client('/api/v1/stream?tenant_id=other')]
    await Promise.all([mine.begun, theirs.begun])
    expect(mine).toMatchObject({ status: 200, type: 'text/event-stream; charset=utf-8' })
    const { body } = await submit()
    await mine.until(() => mine.kinds.includes('RunCompleted'))
    expect(mine.kinds.filter((kind) => RUN.includes(String(kind)))).toEqual(mine.kinds)
    expect(new Set(mine.parser.events.map(({ data }) => data['run_id']))).toEqual(new Set([body.run_id]))
    expect(theirs.parser.events).toEqual([])
    const chosen = new Client(`/api/v1/stream?from=first&run_id=${body.run_id}&types=RunAccepted,RunCompleted`)
    await chosen.until(() => chosen.parser.events.length === 2)
    expect(chosen.kinds).toEqual(['RunAccepted', 'RunCompleted'])
    for (const client of [mine, theirs, chosen]) client.request.destroy()
  })

  it('goes on after 100 cuts at any byte without a gap or a repeat', async () => {
    const header = { 'x-tenant-id': 'cut' }
    await world.publish(FLOW, header)
    const seen: string[] = []
    let expected = null as string[] | null
    const runs = Promise.all(Array.from({ length: 120 }, () => submit(header)))
    const told = runs.then(async (answers) => {
      const ids = answers.map(({ body }) => body.run_id)
      const pages = await Promise.all(ids.map((id) => eventsOf(id, header)))
      expected = pages.flatMap(({ events }) => events.map((event) => event.position))
    })
    let lastId = ''
    let client: Client
    const random = new Random(5)
    for (let cuts = 0; cuts < 100 || expected === null || seen.length < expected.length; cuts++) {
      const place: { [name: string]: string } = lastId === '' ? {} : { 'last-event-id': lastId }
      client = new Client('/api/v1/stream?tenant_id=cut&from=first', place)
      if (cuts < 100) {
        client.cutAfter = random.between(1, 1200)
        await client.over
      } else {
        await told
        await client.until(() => seen.length + client.parser.events.length >= expected!.length)
        client.request.destroy()
      }
      seen.push(...client.parser.events.map(({ data }) => String(data['position'])))
      lastId = client.parser.lastId || lastId
    }
    expect(seen.sort()).toEqual([...expected].sort())
  })

  it('tells how bulk operations get on, until all of their items are through', async () => {
    const client = new Client('/api/v1/stream?tenant_id=bulk&types=OperationStarted,OperationProgressed')
    await client.begun
    const tenant = { 'x-tenant-id': 'bulk' }
    await world.publish('flow: nap\nsteps:\n  - id: nap\n    type: wait\n    with: { for: 10m }\n', tenant)
    for (let n = 0; n < 7; n++) await world.call('POST', '/api/v1/runs', { flow: 'nap' }, tenant)
    const running = async () => (await world.call('GET', '/api/v1/runs/counts?status=running', undefined, tenant)).body
    await expect.poll(async () => (await running()).total).toBe(7)
    const asked = { action: 'cancel', query: { flow: 'nap' } }
    const { body } = await world.call('POST', '/api/v1/operations', asked, tenant)
    const progress = () => client.parser.events.map(({ data }) => data).filter(({ state }) => state === 'finished')
    await client.until(() => progress().length === world.log.partitions)
    const [started] = client.parser.events
    expect(started!.data).toMatchObject({
      kind: 'OperationStarted',
      action: 'cancel',
      query: { flow: 'nap' },
      run_id: null,
    })
    expect(new Set(client.parser.events.map(({ data }) => data['operation_id']))).toEqual(new Set([body.operation_id]))
    expect(progress().reduce((sum, { done }) => sum + Number(done), 0)).toBe(7)
    await expect
      .poll(async () => (await world.call('GET', '/metrics')).body)
      .toContain('beamline_operation_items_total{action="cancel",outcome="done"} 7')
    client.request.destroy()
  })

  it('opens 1,000 clients cheaply, and tells all of them', async () => {
    const before = process.memoryUsage().rss
    const clients = Array.from({ length: 1_000 }, () => new Client())
    await Promise.all(clients.map((client) => client.begun))
    await submit()
    await Promise.all(clients.map((client) => client.until(() => client.kinds.includes('RunCompleted'))))
    const seen = new Set(clients.map((client) => client.parser.events.map(({ id }) => id).join()))
    expect(seen.size).toBe(1)
    // both ends of every connection are in this process
    expect((process.memoryUsage().rss - before) / 1_000).toBeLessThan(300 << 10)
    for (const client of clients) client.request.destroy()
    await Promise.all(clients.map((client) => client.over))
  })

  it('lets a client go that does not read, however much comes, and tells it so', async () => {
    const tenant = 'slow' as TenantId
    const slow = new Client(`/api/v1/stream?tenant_id=${tenant}`)
    await slow.begun
    slow.response!.pause()
    const run = someRun(0)
    const record = skipped(run, 'a'.repeat(50), tenant)
    const events = Array.from({ length: 1_000 }, (): OutRecord => {
      const value = encodeRecord(record)
      return { topic: 'events', partition: 0, key: null, value, headers: null, handled: false, message: record }
    })
    let sent = 0
    // the system's own buffers take some megabytes before anything waits here
    while (world.gateway.live.clients > 0 && sent < 200_000) {
      await world.log.append(events)
      sent += events.length
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    expect(world.gateway.live.clients).toBe(0)
    slow.response!.resume()
    await slow.over
    const last = slow.parser.events.pop()
    expect(last).toMatchObject({ event: 'snapshot_required', data: { reason: 'slow_client' } })
    const offsets = slow.parser.events.map(({ data }) => Number(String(data['position']).split('/')[2]))
    expect(offsets).toEqual(offsets.map((_, index) => offsets[0]! + index))
    expect(offsets.length).toBeLessThan(sent)
  })

  it.each([
    ['?from=later', {}, 400, 'INVALID_PARAMETER', /'from' is "later"; expected now, first/],
    ['?types=RunAccepted,RunCompletd', {}, 400, 'INVALID_PARAMETER', /did you mean.*RunCompleted/],
    ['?status=done', {}, 400, 'INVALID_PARAMETER', /'status' is "done"/],
    ['?run_id=1', {}, 400, 'INVALID_RUN_ID', /no run id/],
    ['?colour=red', {}, 400, 'INVALID_PARAMETER', /'colour' is not known/],
    ['?tenant_id=a', { 'x-tenant-id': 'b' }, 400, 'INVALID_PARAMETER', /X-Tenant-ID says otherwise/],
    ['', { 'last-event-id': 'nonsense' }, 400, 'INVALID_LAST_EVENT_ID', /Last-Event-ID is "nonsense"/],
    ['?last_event_id=1', {}, 400, 'INVALID_LAST_EVENT_ID', /Last-Event-ID is "1"/],
  ] as const)('refuses %s %j', async (query, headers, status, code, message) => {
    const answer = await world.call('GET', `/api/v1/stream${query}`, undefined, headers)
    expect(answer).toMatchObject({ status, body: { ok: false, error: { details: { code } } } })
    expect(answer.body.error.message).toMatch(message)
  })

  it('answers a position beyond the end with what to do', async () => {
    const client = new Client()
    await client.begun
    const [mark] = client.parser.lastId.split('.')
    const lost = new Client('/api/v1/stream', { 'last-event-id': `${mark}.999999.0.0.0` })
    await lost.over
    expect(lost.parser.events).toMatchObject([{ event: 'snapshot_required', data: { reason: 'beyond_end' } }])
    client.request.destroy()
  })

  it('has no HEAD', async () => {
    const answer = await world.gateway.app.inject({ method: 'HEAD', url: '/api/v1/stream' })
    expect(answer.statusCode).toBe(405)
    expect(answer.headers.allow).toBe('GET, OPTIONS')
  })
})

describe('GET /api/v1/runs/:run_id/events', () => {
  it('tells what happened, in order and in parts', async () => {
    const { body: run } = await submit()
    const { events, body } = await eventsOf(run.run_id)
    expect(events.map(({ kind }) => kind)).toEqual(['RunAccepted', 'StepStarted', 'StepCompleted', 'RunCompleted'])
    expect(body).toMatchObject({ run_id: run.run_id, next: null, as_of: expect.stringMatching(/^events\/\d\/\d+$/) })
    expect((await eventsOf(run.run_id, { limit: 1 })).events).toEqual(events)
  })

  it.each([
    ['?after=events/9/1', 400, /'after' is "events\/9\/1"; expected the 'next' of an earlier answer/],
    ['?limit=0', 400, /'limit' is "0"/],
  ])('refuses %s', async (query, status, message) => {
    const { body: run } = await submit()
    const answer = await world.call('GET', `/api/v1/runs/${run.run_id}/events${query}`)
    expect(answer.status).toBe(status)
    expect(answer.body.error.message).toMatch(message)
  })

  it('does not know runs of others', async () => {
    const { body: run } = await submit()
    const answer = await world.call('GET', `/api/v1/runs/${run.run_id}/events`, undefined, { 'x-tenant-id': 'other' })
    expect(answer.status).toBe(404)
  })
})

describe('closing', () => {
  it('ends the streams', async () => {
    const other = await openWorld({ partitions: 1 })
    const address = await other.gateway.listen('127.0.0.1', 0)
    const saved = url
    url = address
    const client = new Client()
    await client.begun
    url = saved
    await other.close()
    await client.over
    expect(client.parser.events).toEqual([])
  })
})
