import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MAX_RUNNING } from '../../../gateway/bulk-operations.ts'
import { openWorld, type World } from '../support.ts'

const NAP = 'flow: nap\nsteps:\n  - id: nap\n    type: wait\n    with: { for: 10m }\n'
const ECHO = 'flow: echo\nsteps:\n  - id: only\n    type: echo\n    with: "${input}"\noutput: "${steps.only.output}"\n'
const FAIL = 'flow: bad\nsteps:\n  - id: bad\n    type: fail\n    with: { code: NOT_YET, message: "no" }\n'

let world: World
beforeAll(async () => {
  world = await openWorld()
  for (const flow of [NAP, ECHO, FAIL]) expect((await world.publish(flow)).status).toBe(201)
})
afterAll(() => world.close())

const OPERATIONS = '/api/v1/operations'
const get = async (url: string, headers = {}) => (await world.call('GET', url, undefined, headers)).body
const post = (body: unknown, headers = {}) => world.call('POST', OPERATIONS, body, headers)
const show = (id: string) => get(`${OPERATIONS}/${id}`)
const itemsOf = async (id: string) => (await get(`${OPERATIONS}/${id}/items?limit=1000`)).items
const ended = async (id: string) => {
  await expect.poll(async () => (await show(id)).ended_at_ms ?? null).not.toBe(null)
  return show(id)
}
const count = async (query: string) => (await get(`/api/v1/runs/counts?${query}`)).total

/** Starts so many runs of a tenant of their own, and waits until they are listed with that status. */
async function runs(flow: string, n: number, tenant: string, status: string): Promise<{ 'x-tenant-id': string }> {
  const headers = { 'x-tenant-id': tenant }
  const document = { nap: NAP, echo: ECHO, bad: FAIL }[flow]!
  await world.publish(document, headers)
  for (let i = 0; i < n; i++) await world.call('POST', '/api/v1/runs', { flow, input: { i }, metadata: { i } }, headers)
  const counts = async () => (await get(`/api/v1/runs/counts?status=${status}`, headers)).total
  await expect.poll(counts).toBe(n)
  return headers
}

describe('POST /api/v1/operations', () => {
  it('says first what it would find, then cancels it', async () => {
    for (let i = 0; i < 30; i++)
      await world.call('POST', '/api/v1/runs', { flow: 'nap', metadata: { odd: i % 2 === 1 } })
    await expect.poll(() => count('flow=nap&status=running')).toBe(30)
    const query = { flow: 'nap', metadata: { odd: true } }
    const dry = await post({ action: 'cancel', query, dry_run: true })
    expect(dry).toMatchObject({ status: 200, body: { dry_run: true, action: 'cancel', matched: 15, complete: true } })
    expect(dry.body.sample).toHaveLength(15)
    expect(dry.body.sample[0]).toMatchObject({ flow: 'nap', status: 'running', code: null })
    const begun = await post({ action: 'cancel', query, reason: 'odd ones out' }, { 'x-user-id': 'ada' })
    expect(begun).toMatchObject({ status: 202, body: { action: 'cancel', matched: 15, repeated: false } })
    const operation = await ended(begun.body.operation_id)
    expect(operation).toMatchObject({
      query,
      status: 'finished',
      requested_by: 'ada',
      reason: 'odd ones out',
      matched: 15,
      done: 15,
      skipped: 0,
      failed: 0,
    })
    await expect.poll(() => count('flow=nap&status=cancelled')).toBe(15)
    expect(await count('flow=nap&status=running')).toBe(15)
    const items = await itemsOf(operation.operation_id)
    expect(new Set(items.map((item: { id: string }) => item.id)).size).toBe(15)
    expect(items.every((item: { run_status: string }) => item.run_status === 'cancelled')).toBe(true)
    const run = await get(`/api/v1/runs/${items[0].id}`)
    expect(run).toMatchObject({ status: 'cancelled', cancel_reason: 'odd ones out' })
  })

  it('retries failed runs once, whoever else asks for it', async () => {
    const headers = await runs('bad', 6, 'retries', 'failed')
    const first = (await get('/api/v1/runs?limit=1', headers)).runs[0].run_id
    const single = await world.call('POST', `/api/v1/runs/${first}/retry`, undefined, headers)
    expect(single.status).toBe(202)
    const failed = async () => (await get('/api/v1/runs/counts?status=failed', headers)).total
    await expect.poll(failed).toBe(7)
    const { body } = await post({ action: 'retry', query: { accepted_to_ms: 9e12 } }, headers)
    const read = (rest = '') => get(`${OPERATIONS}/${body.operation_id}${rest}`, headers)
    await expect.poll(async () => (await read()).status).toBe('finished')
    expect(await read()).toMatchObject({ matched: 7, done: 6, skipped: 1, failed: 0 })
    expect((await read('/items?outcome=skipped')).items).toMatchObject([{ id: first, code: 'LETTER_NOT_OPEN' }])
    const { items } = await read('/items?outcome=done')
    await expect
      .poll(() => get(`/api/v1/runs/${items[0].new_run_id}`, headers))
      .toMatchObject({ replay_of: items[0].id, replay_id: `retry-${items[0].id}` })
  })

  it('runs finished runs again, each with its input', async () => {
    const headers = await runs('echo', 5, 'reruns', 'completed')
    const { body } = await post({ action: 'rerun', query: { status: 'completed' } }, headers)
    await expect.poll(async () => (await get('/api/v1/runs/counts?status=completed', headers)).total).toBe(10)
    await expect.poll(async () => (await get(`${OPERATIONS}/${body.operation_id}`, headers)).status).toBe('finished')
    const { items } = await get(`${OPERATIONS}/${body.operation_id}/items`, headers)
    expect(items).toHaveLength(5)
    for (const item of items) {
      const [before, after] = [item.id, item.new_run_id].map((id) => get(`/api/v1/runs/${id}`, headers))
      expect(await after).toMatchObject({
        input: (await before)!.input,
        replay_id: body.operation_id,
        status: 'completed',
      })
    }
  })

  it('replays and discards dead letters', async () => {
    const headers = await runs('bad', 6, 'letters', 'failed')
    const letters = async (status: string) =>
      (await get(`/api/v1/dlq/letters?status=${status}&order=oldest`, headers)).letters as { letter_id: string }[]
    await expect.poll(async () => (await letters('open')).length).toBe(6)
    const ids = (await letters('open')).map((letter) => letter.letter_id)
    const dry = await post({ action: 'discard', query: { code: 'NOT_YET' }, dry_run: true }, headers)
    expect(dry.body).toMatchObject({ matched: 6, complete: true })
    expect(dry.body.sample[0]).toMatchObject({ flow: 'bad', status: 'open', code: 'NOT_YET' })
    const query = { letter_ids: ids.slice(0, 2) }
    const discarded = await post({ action: 'discard', query, reason: 'unwanted' }, headers)
    const finished = (id: string) =>
      expect.poll(async () => (await get(`${OPERATIONS}/${id}`, headers)).status).toBe('finished')
    await finished(discarded.body.operation_id)
    expect((await letters('discarded')).map((letter) => letter.letter_id).sort()).toEqual(ids.slice(0, 2).sort())
    const replayed = await post({ action: 'replay', query: { flow: 'bad' } }, headers)
    await finished(replayed.body.operation_id)
    const { items } = await get(`${OPERATIONS}/${replayed.body.operation_id}/items`, headers)
    expect(items.map((item: { id: string }) => item.id).sort()).toEqual(ids.slice(2).sort())
    expect(await letters('replayed')).toMatchObject(
      [{}, {}, {}, {}].map(() => ({ replay_id: replayed.body.operation_id })),
    )
  })

  it('finishes at once when there is nothing to do', async () => {
    const { body } = await post({ action: 'cancel', query: { flow: 'nothing' } })
    expect(body.matched).toBe(0)
    expect(await ended(body.operation_id)).toMatchObject({ status: 'finished', matched: 0, done: 0 })
    expect(await itemsOf(body.operation_id)).toEqual([])
  })

  it('keeps to its rate, and stops when it is told', async () => {
    const headers = await runs('nap', 20, 'stops', 'running')
    const { body } = await post({ action: 'cancel', query: {}, rate_per_s: 0.5 }, headers)
    const read = () => get(`${OPERATIONS}/${body.operation_id}`, headers)
    await expect.poll(async () => (await read()).done ?? 0).toBeGreaterThan(0)
    const stop = () => world.call('POST', `${OPERATIONS}/${body.operation_id}/stop`, undefined, headers)
    expect(await stop()).toMatchObject({ status: 200, body: { operation_id: body.operation_id, stopping: true } })
    await expect.poll(async () => (await read()).status).toBe('stopped')
    const { done } = await read()
    expect(done).toBeLessThan(20)
    expect((await stop()).status).toBe(200)
    await expect.poll(async () => (await get('/api/v1/runs/counts?status=cancelled', headers)).total).toBe(done)
    expect((await world.call('POST', `${OPERATIONS}/${body.operation_id}/stop`)).status).toBe(404)
    expect(await get(`${OPERATIONS}/${body.operation_id}`)).toMatchObject({ error: { code: 'not_found' } })
  })

  it('begins one operation under one idempotency key', async () => {
    const headers = { 'idempotency-key': 'once' }
    const ask = () => post({ action: 'cancel', query: { flow: 'nap' } }, headers)
    const [first, second] = await Promise.all([ask(), ask()])
    expect(second.body.operation_id).toBe(first.body.operation_id)
    expect([first.body.repeated, second.body.repeated].sort()).toEqual([false, true])
    await ended(first.body.operation_id)
    const again = await ask()
    expect(again).toMatchObject({ status: 202, body: { repeated: true, position: null, matched: 15 } })
    const other = await post({ action: 'cancel', query: { flow: 'echo' } }, headers)
    expect(other).toMatchObject({ status: 409, body: { error: { details: { code: 'IDEMPOTENCY_KEY_REUSED' } } } })
  })

  it.each([
    [{ query: {} }, 'MISSING_FIELD', '`action` is missing'],
    [{ action: 'cancel' }, 'MISSING_FIELD', '`query` is missing'],
    [{ action: 'cancle', query: {} }, 'INVALID_FIELD', "did you mean 'cancel'"],
    [{ action: 'cancel', query: [] }, 'INVALID_FIELD', '`query` is []; expected an object'],
    [{ action: 'cancel', query: { flwo: 'a' } }, 'UNKNOWN_FIELD', "did you mean 'flow'"],
    [{ action: 'cancel', query: { letter_ids: [] } }, 'UNKNOWN_FIELD', '`query.letter_ids` is not known'],
    [{ action: 'replay', query: { status: 'failed' } }, 'UNKNOWN_FIELD', '`query.status` is not known'],
    [{ action: 'cancel', query: { status: 'completed' } }, 'INVALID_FIELD', 'expected accepted, running'],
    [{ action: 'retry', query: { status: 'running' } }, 'INVALID_FIELD', 'expected failed, timed_out'],
    [{ action: 'cancel', query: { version: 0 } }, 'INVALID_FIELD', 'an integer from 1'],
    [{ action: 'cancel', query: { waiting_for: 'bus' } }, 'INVALID_FIELD', 'expected retry'],
    [{ action: 'cancel', query: { waiting_step: 'No' } }, 'INVALID_FIELD', 'the id of a step'],
    [{ action: 'cancel', query: { metadata: { a: null } } }, 'INVALID_FIELD', '`query.metadata.a`'],
    [{ action: 'cancel', query: { accepted_from_ms: 'now' } }, 'INVALID_FIELD', 'an integer from 0'],
    [{ action: 'cancel', query: {}, rate_pr_s: 1 }, 'UNKNOWN_FIELD', "did you mean 'rate_per_s'"],
    [{ action: 'cancel', query: {}, rate_per_s: -1 }, 'INVALID_FIELD', 'a number from 0'],
    [{ action: 'cancel', query: {}, dry_run: 'yes' }, 'INVALID_FIELD', 'true or false'],
    [{ action: 'discard', query: {} }, 'MISSING_FIELD', '`reason` is missing'],
  ])('refuses %j', async (body, code, message) => {
    const answer = await post(body)
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'invalid_request', details: { code } } } })
    expect(answer.body.error.message).toContain(message)
  })

  it('refuses a key that is none, and more operations at once than a tenant may have', async () => {
    const key = await post({ action: 'cancel', query: {} }, { 'idempotency-key': 'a b' })
    expect(key).toMatchObject({ status: 400, body: { error: { details: { code: 'INVALID_HEADER' } } } })
    const headers = await runs('nap', 150, 'busy', 'running')
    const slow = { action: 'cancel', query: {}, rate_per_s: 0.001 }
    const ids: string[] = []
    for (let i = 0; i < MAX_RUNNING; i++) {
      const { status, body } = await post(slow, headers)
      expect(status).toBe(202)
      ids.push(body.operation_id)
    }
    const running = async () =>
      (await get(OPERATIONS, headers)).operations.filter((entry: { status: string }) => entry.status === 'running')
        .length
    await expect.poll(running).toBe(MAX_RUNNING)
    const refused = await post(slow, headers)
    expect(refused).toMatchObject({ status: 429, body: { error: { details: { code: 'TOO_MANY_OPERATIONS' } } } })
    expect(refused.headers['retry-after']).toBeDefined()
    for (const id of ids) await world.call('POST', `${OPERATIONS}/${id}/stop`, undefined, headers)
    await expect.poll(running).toBe(0)
  })
})

describe('GET /api/v1/operations', () => {
  it('lists the latest first, page by page', async () => {
    const headers = { 'x-tenant-id': 'lists' }
    const ids: string[] = []
    for (let i = 0; i < 5; i++) ids.unshift((await post({ action: 'cancel', query: {} }, headers)).body.operation_id)
    const replay = (await post({ action: 'replay', query: {} }, headers)).body.operation_id
    await expect.poll(async () => (await get(OPERATIONS, headers)).operations.length).toBe(6)
    const page = await get(`${OPERATIONS}?action=cancel&limit=3`, headers)
    const rest = await get(`${OPERATIONS}?action=cancel&limit=3&after=${page.next}`, headers)
    const listed = [...page.operations, ...rest.operations].map((entry) => entry.operation_id)
    expect(new Set(listed)).toEqual(new Set(ids))
    expect(listed).toHaveLength(5)
    expect(rest.next).toBe(null)
    const replays = await get(`${OPERATIONS}?action=replay`, headers)
    expect(replays.operations).toMatchObject([{ operation_id: replay, action: 'replay' }])
    const other = await world.call('GET', `${OPERATIONS}?limit=3&after=${page.next}`, undefined, headers)
    expect(other).toMatchObject({ status: 400, body: { error: { details: { path: 'after' } } } })
  })

  it.each([
    ['?action=cancle', "did you mean 'cancel'"],
    ['?limit=0', 'an integer from 1 to 1000'],
    ['?afetr=x', "did you mean 'after'"],
    ['?after=x', 'is no cursor of this query'],
  ])('refuses %s', async (query, message) => {
    const { status, body } = await world.call('GET', `${OPERATIONS}${query}`)
    expect([status, body.error.code]).toEqual([400, 'invalid_request'])
    expect(body.error.message).toContain(message)
  })

  it('refuses operations and items that there are not', async () => {
    for (const rest of ['', '/items']) {
      const answer = await world.call('GET', `${OPERATIONS}/op-none${rest}`)
      expect(answer).toMatchObject({ status: 404, body: { error: { code: 'not_found' } } })
    }
    expect((await world.call('POST', `${OPERATIONS}/op-none/stop`)).status).toBe(404)
    expect((await world.call('POST', `${OPERATIONS}/op-none/stop`, { now: true })).status).toBe(400)
    const wrong = await world.call('GET', `${OPERATIONS}/op-none/items?outcome=dine`)
    expect(wrong.body.error.message).toContain("did you mean 'done'")
  })
})
