import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AppendFault } from '../../../connectors/log-memory/faults.ts'
import { openWorld, type World } from '../support.ts'

describe('a log that fails', () => {
  let fault: AppendFault = 'none'
  let world: World
  beforeAll(async () => {
    world = await openWorld({ tasks: false, faults: { append: () => fault } })
    await world.publish('flow: greet\nsteps:\n  - id: hello\n    type: echo\n')
  })
  afterAll(() => world.close())
  const submit = (key?: string) => {
    const body = { flow: 'greet', input: {}, ...(key === undefined ? {} : { idempotency_key: key }) }
    return world.call('POST', '/api/v1/runs', body)
  }

  it.each([
    ['log_full', 'LOG_FULL', /./],
    ['applied_unknown', 'OUTCOME_UNKNOWN', /same idempotency key/],
  ] as const)('is told to the client: %s', async (kind, code, message) => {
    fault = kind
    for (const answer of [await submit(), await submit('k')]) {
      expect(answer).toMatchObject({
        status: 503,
        headers: { 'retry-after': '5' },
        body: { ok: false, error: { code: 'unavailable', details: { code } } },
      })
      expect(answer.body.error.message).toMatch(message)
    }
    fault = 'none'
    expect((await submit()).status).toBe(202)
  })
})

describe('a publication that fails', () => {
  let fault: AppendFault = 'none'
  let world: World
  beforeAll(async () => {
    world = await openWorld({ faults: { append: () => fault } })
  })
  afterAll(() => world.close())

  it('does not make a flow known', async () => {
    fault = 'log_full'
    const document = 'flow: lost\nsteps:\n  - id: hello\n    type: echo\n'
    expect((await world.publish(document)).status).toBe(503)
    fault = 'none'
    expect((await world.call('GET', '/api/v1/flows/lost')).status).toBe(404)
    expect(await world.publish(document)).toMatchObject({ status: 201, body: { version: 1 } })
  })
})
