import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { homeOf, newRunId } from '../../../schemas/ids.ts'
import { workerRecords } from '../../../topology/executor/records.ts'
import { openWorld, type World } from '../support.ts'

const ECHO = 'flow: echo\nsteps:\n  - id: only\n    type: echo\n    with: "${input}"\n'
const BROKEN =
  'flow: broken\nsteps:\n  - id: boom\n    type: fail\n    with: { code: OUT_OF_STOCK, message: nothing }\n'
const WAITS = 'flow: waits\nsteps:\n  - id: nap\n    type: wait\n    with: { for: 1h }\n'
const RETRIES =
  'flow: retries\nsteps:\n  - id: flaky\n    type: fail\n    retry: { attempts: 5, backoff: fixed, base: 1h }\n    with: { code: BUSY, class: transient, message: later }\n'

let world: World
const ids: { [name: string]: string } = {}
beforeAll(async () => {
  world = await openWorld()
  for (const flow of [ECHO, BROKEN, WAITS, RETRIES]) expect((await world.publish(flow)).status).toBe(201)
  const submissions: [string, string, object][] = [
    ['done', 'echo', { metadata: { customer: 'a,b:c\\d', region: 'eu' } }],
    ['other', 'echo', { metadata: { customer: 'x', region: 'eu' } }],
    ['failed', 'broken', {}],
    ['waiting', 'waits', {}],
    ['retrying', 'retries', {}],
  ]
  for (const [name, flow, more] of submissions) {
    const { body } = await world.call('POST', '/api/v1/runs', { flow, input: {}, ...more })
    ids[name] = body.run_id
    // one after the other, also by their times
    const shown = async () => (await world.call('GET', `/api/v1/runs/${body.run_id}`)).body
    await vi.waitFor(async () => expect((await shown()).accepted_at_ms).toBeLessThan(Date.now()), 60_000)
  }
  const settled = async () => {
    const { body } = await world.call('GET', '/api/v1/runs')
    return body.runs.map((run: { status: string }) => run.status).toSorted()
  }
  await vi.waitFor(
    async () => expect(await settled()).toEqual(['completed', 'completed', 'failed', 'running', 'running']),
    60_000,
  )
  const waiting = async () => (await list('waiting_for=retry')).body.runs.length
  await vi.waitFor(async () => expect(await waiting()).toBe(1), 60_000)
  const letters = async () => (await world.call('GET', '/api/v1/dlq/letters?status=open')).body.letters
  await vi.waitFor(async () => expect(await letters()).toHaveLength(1), 60_000)
})
afterAll(() => world.close())

const list = (query: string) => world.call('GET', `/api/v1/runs?${query}`)
const names = (runs: readonly { run_id: string }[]) =>
  runs.map(({ run_id }) => Object.keys(ids).find((name) => ids[name] === run_id))

describe('GET /api/v1/runs', () => {
  const far = 9_000_000_000_000
  it.each<[query: string, expected: string[]]>([
    ['flow=echo', ['other', 'done']],
    ['flow=echo&order=oldest', ['done', 'other']],
    ['status=failed', ['failed']],
    ['error_code=OUT_OF_STOCK', ['failed']],
    ['waiting_for=timer', ['waiting']],
    ['waiting_for=retry', ['retrying']],
    ['waiting_step=flaky', ['retrying']],
    ['waiting_step=nap&waiting_for=retry', []],
    ['flow=echo&version=2', []],
    ['metadata=region:eu', ['other', 'done']],
    [`metadata=${encodeURIComponent('region:eu,customer:a\\,b\\:c\\\\d')}`, ['done']],
    [`accepted_from_ms=${far}`, []],
    [`accepted_to_ms=${far}&flow=waits`, ['waiting']],
    [`finished_from_ms=1&finished_to_ms=${far}&flow=broken`, ['failed']],
  ])('finds by %s', async (query, expected) => {
    const { status, body } = await list(query)
    expect(status).toBe(200)
    expect(names(body.runs)).toEqual(expected)
    expect(body.as_of.positions).toHaveLength(4)
    expect(body.as_of.event_at_ms).toBeGreaterThan(0)
    expect(body.next).toBe(null)
  })

  it('goes on where an answer ended', async () => {
    const first = await list('limit=3')
    const rest = await list(`limit=3&after=${encodeURIComponent(first.body.next)}`)
    expect(names([...first.body.runs, ...rest.body.runs]).toSorted()).toEqual(Object.keys(ids).toSorted())
  })

  it('refuses cursors of another query, and forged ones', async () => {
    const { body } = await list('limit=1')
    const after = encodeURIComponent(body.next)
    for (const query of [
      `limit=1&flow=echo&after=${after}`,
      `limit=1&order=oldest&after=${after}`,
      'after=forged',
      `after=${after}x`,
    ]) {
      const answer = await list(query)
      expect(answer).toMatchObject({ status: 400, body: { error: { details: { path: 'after' } } } })
    }
  })

  it.each([
    ['status=done', /expected accepted, running/],
    ['waiting_for=godot', /'waiting_for' is "godot"; expected retry/],
    ['waiting_step=A%20b', /expected the id of a step/],
    ['version=0', /'version' is "0"/],
    ['accepted_from_ms=now', /'accepted_from_ms'/],
    ['metadata=customer', /expected key:value/],
    ['metadata=:x', /expected key:value/],
    [`metadata=${Array.from({ length: 9 }, (_, n) => `k${n}:v`).join(',')}`, /9 fields; expected at most 8/],
    ['order=up', /newest, oldest/],
    ['limit=1001', /1 to 1000/],
    ['flows=echo', /did you mean 'flow'\? Expected flow, version/],
    ['flow=a&flow=b', /more than once/],
  ])('refuses %s', async (query, message) => {
    for (const path of ['/api/v1/runs', '/api/v1/runs/counts']) {
      if (path.endsWith('counts') && /^(order|limit)/.test(query)) continue
      const answer = await world.call('GET', `${path}?${query}`)
      expect(answer.status).toBe(400)
      expect(answer.body.error.message).toMatch(message)
    }
  })
})

describe('GET /api/v1/runs/counts', () => {
  it('counts what passes the filter', async () => {
    const count = async (query: string) => (await world.call('GET', `/api/v1/runs/counts?${query}`)).body
    expect(await count('')).toMatchObject({ total: 5, complete: true, counts: { completed: 2, failed: 1, running: 2 } })
    expect(await count('flow=echo&metadata=customer:x')).toMatchObject({ total: 1, counts: { completed: 1 } })
  })
})

describe('GET /api/v1/runs/:run_id', () => {
  it('is not sent again to who has it', async () => {
    const path = `/api/v1/runs/${ids.done}`
    const { headers } = await world.call('GET', path)
    await world.call('POST', '/api/v1/runs?wait=20s', { flow: 'echo', input: {}, run_id: sibling(ids.done!) })
    const again = await world.call('GET', path, undefined, { 'if-none-match': String(headers.etag) })
    expect(again).toMatchObject({ status: 304, body: '' })
  })

  /** A run of the same partition, whose events move the position on. */
  function sibling(runId: string): string {
    return newRunId(homeOf(runId as never, 4), () => 77)
  }
})

describe('GET /api/v1/runs/:run_id/timeline', () => {
  const timeline = async (name: string) => (await world.call('GET', `/api/v1/runs/${ids[name]}/timeline`)).body

  it('says when each step ran and waited', async () => {
    const done = await timeline('done')
    expect(done).toMatchObject({ run_id: ids.done, status: 'completed', cut_short: false })
    expect(done.spans.at(-1)).toMatchObject({ step_id: 'only', attempt: 1, kind: 'running', outcome: 'completed' })
    for (const { from_ms, to_ms } of done.spans) {
      expect(from_ms).toBeGreaterThanOrEqual(done.from_ms)
      expect(to_ms).toBeLessThanOrEqual(done.to_ms)
    }
    expect((await timeline('waiting')).spans).toMatchObject([{ step_id: 'nap', kind: 'waiting', to_ms: null }])
    const retrying = await timeline('retrying')
    expect(retrying.to_ms).toBe(null)
    expect(retrying.spans.slice(-2)).toMatchObject([
      { step_id: 'flaky', kind: 'running', outcome: 'failed' },
      { step_id: 'flaky', kind: 'retrying', to_ms: null, outcome: null },
    ])
  })

  it('refuses runs that it does not know', async () => {
    const unknown = await world.call('GET', `/api/v1/runs/${newRunId(2, () => 3)}/timeline`)
    expect(unknown).toMatchObject({ status: 404, body: { error: { code: 'run_not_found' } } })
    expect((await world.call('GET', '/api/v1/runs/x/timeline')).status).toBe(400)
  })
})

describe('GET /api/v1/dlq/letters', () => {
  it('filters, and shows one with the record that caused it', async () => {
    const { body } = await world.call('GET', '/api/v1/dlq/letters?flow=broken&code=OUT_OF_STOCK&status=open')
    expect(body.letters).toMatchObject([{ run_id: ids.failed, status: 'open' }])
    expect(body.as_of.positions).toHaveLength(4)
    const shown = await world.call('GET', `/api/v1/dlq/letters/${body.letters[0].letter_id}`)
    expect(shown).toMatchObject({
      status: 200,
      body: { run_id: ids.failed, history: [], record: { kind: expect.any(String) } },
    })
    const missing = await world.call('GET', '/api/v1/dlq/letters/nobody')
    expect(missing).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } })
    expect((await world.call('GET', '/api/v1/dlq/letters?order=odd')).status).toBe(400)
    expect((await world.call('GET', '/api/v1/dlq/letters?after=x')).body.error.details.path).toBe('after')
  })

  it('replays once under one Idempotency-Key', async () => {
    const replay = () =>
      world.call(
        'POST',
        '/api/v1/dlq/replay',
        { filter: { code: 'OUT_OF_STOCK' }, limit: 1 },
        { 'idempotency-key': 'r1' },
      )
    const first = await replay()
    expect(first.body).toMatchObject({ replay_id: 'r1', scheduled: 1 })
    expect((await replay()).body).toEqual(first.body)
  })
})

describe('GET /api/v1/tenants', () => {
  it('lists those that have runs or limits, in parts', async () => {
    await world.call('PUT', '/api/v1/tenants/acme', { weight: 3 })
    await world.call('PUT', '/api/v1/tenants/zebra', { weight: 2 })
    const { body } = await world.call('GET', '/api/v1/tenants')
    expect(body.tenants).toMatchObject([
      { tenant_id: 'acme', weight: 3, runs: { completed: 0 } },
      { tenant_id: 'default', weight: 1, runs: { failed: expect.any(Number) } },
      { tenant_id: 'zebra', weight: 2 },
    ])
    const found: string[] = []
    for (let after: string | null = ''; after !== null; ) {
      const page = await world.call('GET', `/api/v1/tenants?limit=1${after === '' ? '' : `&after=${after}`}`)
      found.push(...page.body.tenants.map((tenant: { tenant_id: string }) => tenant.tenant_id))
      after = page.body.next
    }
    expect(found).toEqual(['acme', 'default', 'zebra'])
    expect((await world.call('GET', '/api/v1/tenants?after=%2F')).status).toBe(400)
    expect((await world.call('GET', '/api/v1/tenants?limit=0')).status).toBe(400)
  })
})

const stateOf = (worker: { worker_id: string; state: string; in_flight: number }) =>
  `${worker.worker_id} ${worker.state} ${worker.in_flight}`

describe('pools and workers', () => {
  it('tell who has which partition, what is in flight and what waits', async () => {
    const pools = async () => (await world.call('GET', '/api/v1/pools')).body.pools
    await expect.poll(async () => (await pools())[1].workers).toBe(1)
    const [, io, gpu] = await pools()
    expect(io).toMatchObject({ pool: 'io', workers: 1, capacity: 8, in_flight: 0, waiting: 0 })
    expect(io.partitions).toHaveLength(4)
    expect(io.partitions[0]).toMatchObject({ partition: 0, worker_id: 'worker-1', lag: 0 })
    expect(gpu).toMatchObject({ workers: 0, capacity: 0 })
    const { body } = await world.call('GET', '/api/v1/workers?pool=io')
    const [worker] = body.workers
    expect(worker).toMatchObject({ worker_id: 'worker-1', pool: 'io', capacity: 8, partitions: [0, 1, 2, 3] })
    // one that has nothing to do lives as surely as this process answers
    expect(worker).toMatchObject({ state: 'idle', seen_at_ms: expect.closeTo(body.at_ms, -4) })
    expect((await world.call('GET', '/api/v1/workers?pool=gpu')).body.workers).toEqual([])
    expect((await world.call('GET', '/api/v1/workers?pool=tpu')).status).toBe(400)
  })

  it('tell who is busy', async () => {
    await world.publish('flow: slow\nsteps: [{ id: a, type: sleep, with: { ms: 600000 } }]')
    const { body } = await world.call('POST', '/api/v1/runs', { flow: 'slow', input: {} })
    const states = async () => (await world.call('GET', '/api/v1/workers?pool=io')).body.workers.map(stateOf)
    await expect.poll(states).toEqual(['worker-1 busy 1'])
    await world.call('POST', `/api/v1/runs/${body.run_id}/cancel`, {})
    await expect.poll(states).toEqual(['worker-1 idle 0'])
  })

  it('tell of a worker whose process is gone that it is lost', async () => {
    const change = {
      kind: 'WorkerChanged',
      pool: 'gpu',
      partition: 2,
      workerId: 'gone',
      state: 'assigned',
      capacity: 4,
    } as const
    await world.log.append(workerRecords(change, 4))
    const gone = async () => (await world.call('GET', '/api/v1/workers?pool=gpu')).body.workers
    await expect.poll(gone).toMatchObject([{ worker_id: 'gone', state: 'lost', partitions: [2] }])
    const { body } = await world.call('GET', '/api/v1/pools')
    expect(body.pools[2]).toMatchObject({ pool: 'gpu', workers: 0, capacity: 0 })
  })
})

describe('topics', () => {
  const read = (query: string, topic = 'events') => world.call('GET', `/api/v1/topics/${topic}/records?${query}`)

  it('are listed with their lag', async () => {
    const { body } = await world.call('GET', '/api/v1/topics')
    const of = (topic: string) => body.partitions.filter((entry: { topic: string }) => entry.topic === topic)
    expect(of('ingest')).toHaveLength(4)
    for (const { lag } of of('ingest')) expect(lag).toBeGreaterThanOrEqual(0)
    expect(of('events')[0].lag).toBe(null)
  })

  it('are read by key, name, text and time', async () => {
    const { body } = await read(`key=${ids.done}`)
    expect(body.partition).toBe(homeOf(ids.done as never, 4))
    expect(new Set(body.records.map((record: { key: string }) => record.key))).toEqual(new Set([ids.done]))
    expect(body.looked_at).toBeGreaterThanOrEqual(body.records.length)
    const home = `partition=${homeOf(ids.failed as never, 4)}`
    expect((await read(`${home}&kind=RunFailed&key=${ids.failed}`)).body.records).toMatchObject([{ kind: 'RunFailed' }])
    expect((await read(`${home}&contains=OUT_OF_STOCK`)).body.records.length).toBeGreaterThan(0)
    expect((await read(`${home}&contains=NO_SUCH_TEXT`)).body).toMatchObject({ records: [] })
    expect((await read(`${home}&from=2001-01-01T00:00:00Z`)).body.records.length).toBeGreaterThan(0)
    expect((await read(`${home}&from=2101-01-01T00:00:00Z`)).body.records).toEqual([])
  })

  it.each([
    ['from=2026-13-01T00:00:00Z', /expected first, end, an offset or an instant/],
    ['from=-1', /'from'/],
    [`contains=${'x'.repeat(257)}`, /257 characters; expected 1 to 256/],
    ['partition=4', /'partition'/],
    ['offset=1', /'offset' is not known/],
  ])('refuse %s', async (query, message) => {
    const answer = await read(query)
    expect(answer.status).toBe(400)
    expect(answer.body.error.message).toMatch(message)
  })
})

describe('POST /api/v1/topics/:topic/records', () => {
  const NDJSON = { 'content-type': 'application/x-ndjson' }
  const publish = (body: string, query = '', topic = 'ingest', headers = {}) =>
    world.call('POST', `/api/v1/topics/${topic}/records${query}`, body, { ...NDJSON, ...headers })

  it('refuses topics that are not for publishing', async () => {
    for (const topic of ['events', 'result', 'route', 'control', 'execute.io', 'replies', 'dlq']) {
      const answer = await publish('{}', '', topic)
      expect(answer).toMatchObject({ status: 409, body: { error: { code: 'topic_not_writable' } } })
    }
    expect((await publish('{}', '', 'evens')).body.error.message).toMatch(/did you mean 'events'/)
  })

  it('checks lines when it is asked to', async () => {
    const lines = ['{"flow":"echo"}', '{"flow":"ecko"}', '{"flow":', '{"input":1}'].join('\n')
    const { body } = await publish(lines, '?check=true')
    expect(body).toMatchObject({ appended: 1, refused: 3 })
    expect(body.records.map(({ error = null }) => error)).toEqual([
      null,
      expect.stringMatching(/'ecko' is unknown.*did you mean 'echo'/),
      expect.stringMatching(/not JSON/),
      expect.stringMatching(/no 'flow'/),
    ])
    expect((await publish('{}', '?check=maybe')).status).toBe(400)
  })

  it('begins one run for a line that is sent again under its key', async () => {
    const total = async () => (await world.call('GET', '/api/v1/runs/counts?metadata=mark:once')).body.total
    const send = () => publish('{"flow":"echo","metadata":{"mark":"once"}}', '', 'ingest', { 'idempotency-key': 'p1' })
    await send()
    await send()
    await expect.poll(total).toBe(1)
    const lag = async () => {
      const { body } = await world.call('GET', '/api/v1/topics')
      const ingest = body.partitions.filter((entry: { topic: string }) => entry.topic === 'ingest')
      return ingest.reduce((sum: number, entry: { lag: number }) => sum + entry.lag, 0)
    }
    await expect.poll(lag).toBe(0)
    expect(await total()).toBe(1)
  })
})
