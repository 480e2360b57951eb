import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWorld, type World } from '../support.ts'

const FLOW = `
flow: picky
steps:
  - id: check
    type: fail
    with: { code: "\${input.code}", times: "\${input.times}", output: fine }
`

let world: World
beforeAll(async () => {
  world = await openWorld()
  await world.publish(FLOW)
  for (let index = 0; index < 6; index++) {
    const code = index < 4 ? 'NO_STOCK' : 'NO_MONEY'
    const input = { code, times: 9 }
    const { body } = await world.call('POST', '/api/v1/runs?wait=20s', { flow: 'picky', input })
    expect(body.status).toBe('failed')
  }
})
afterAll(() => world.close())

const post = (path: string, body: unknown) => world.call('POST', `/api/v1/dlq/${path}`, body)
const groups = async () => (await world.call('GET', '/api/v1/dlq/groups')).body.groups

describe('dead letters', () => {
  it('are grouped by what failed', async () => {
    await expect
      .poll(async () =>
        (await groups()).map((group: { code: string; open: number }) => `${group.code} ${group.open}`).toSorted(),
      )
      .toEqual(['NO_MONEY 2', 'NO_STOCK 4'])
    expect((await groups())[0]).toMatchObject({ category: 'run_failed', flow: 'picky', step_id: 'check' })
  })

  it('are planned over all partitions without a change', async () => {
    const { status, body } = await post('plan', { filter: { code: 'NO_STOCK' }, sample: 2 })
    expect(status).toBe(200)
    expect(body).toMatchObject({ matched: 4, refused: 0, groups: [{ code: 'NO_STOCK', count: 4 }] })
    expect(body.letters).toHaveLength(2)
    expect((await post('plan', { filter: {} })).body.matched).toBe(6)
  })

  it('are replayed up to the limit, patched, and once per replay id', async () => {
    const command = {
      filter: { code: 'NO_STOCK' },
      limit: 3,
      patch: { times: 0 },
      reason: 'stock is back',
      replay_id: 'r1',
    }
    expect((await post('replay', command)).body).toEqual({
      replay_id: 'r1',
      matched: 4,
      scheduled: 3,
      refused: 0,
      refusals: [],
    })
    expect((await post('replay', command)).body).toEqual({
      replay_id: 'r1',
      matched: 4,
      scheduled: 3,
      refused: 0,
      refusals: [],
    })
    const stock = async () => (await groups()).find((group: { code: string }) => group.code === 'NO_STOCK')
    await expect.poll(stock).toMatchObject({ open: 1, replayed: 3 })
    const completed = async () => (await world.call('GET', '/api/v1/runs?status=completed')).body.runs
    await expect.poll(async () => (await completed()).length).toBe(3)
    expect((await completed())[0]).toMatchObject({ flow: 'picky', replay_id: 'r1', replay_of: expect.any(String) })
    const letters = (await world.call('GET', '/api/v1/dlq/letters?status=replayed')).body.letters
    expect(letters[0]).toMatchObject({
      resolved_reason: 'stock is back',
      new_run_id: expect.any(String),
      replay_id: 'r1',
    })
  })

  it('are discarded with a reason', async () => {
    const refused = await post('discard', { filter: { code: 'NO_MONEY' } })
    expect(refused).toMatchObject({ status: 400, body: { error: { details: { path: 'reason' } } } })
    const { body } = await post('discard', { filter: { code: 'NO_MONEY' }, reason: 'test data' })
    expect(body).toEqual({ matched: 2, discarded: 2 })
    const money = async () => (await groups()).find((group: { code: string }) => group.code === 'NO_MONEY')
    await expect.poll(money).toMatchObject({ open: 0, discarded: 2 })
  })

  it.each([
    ['plan', '{"filter": {"fingerprnt": "x"}}', /`filter\.fingerprnt`.*'fingerprint'/],
    ['replay', '{}', /`filter` is missing/],
    ['replay', '{"filter": {}, "rate": -1}', /`rate` is -1/],
    ['plan', '{"filter": {', /line 1, column 13/],
    ['replay', `{"filter": {}, "patch": ${'['.repeat(10_000)}${']'.repeat(10_000)}}`, /nested deeper than 100/],
    ['plan', '[]', /the body is \[\]; expected an object/],
  ])('%s refuses %s', async (path, body, message) => {
    const answer = await world.call('POST', `/api/v1/dlq/${path}`, body, { 'content-type': 'application/json' })
    expect(answer.status).toBe(400)
    expect(answer.body.error.message).toMatch(message)
  })
})
