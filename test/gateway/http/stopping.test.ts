import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWorld, type World } from '../support.ts'

describe('a process that is stopping', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ tasks: false })
    await world.publish('flow: greet\nsteps:\n  - id: hello\n    type: echo\n')
    world.stopping = true
  })
  afterAll(() => world.close())

  it.each([
    ['POST', '/api/v1/runs', { flow: 'greet', input: {} }],
    ['POST', '/api/v1/runs?surely=not', { flow: 'greet', input: {} }],
    ['POST', '/api/v1/flows/check', {}],
    ['POST', '/api/v1/messages', { message_type: 'chat', payload: 'hello' }],
  ] as const)('takes no work: %s %s', async (method, url, body) => {
    const headers = { 'x-tenant-id': 'acme', authorization: 'Bearer t' }
    expect(await world.call(method, url, body, headers)).toMatchObject({
      status: 503,
      headers: { 'retry-after': '2', connection: 'close' },
      body: { ok: false, error: { code: 'unavailable', message: expect.stringContaining('stopping') } },
    })
  })

  it.each(['/api/v1/flows/greet', '/api/v1/runs', '/health', '/metrics'])('answers questions: %s', async (url) => {
    expect((await world.call('GET', url)).status).toBe(200)
  })

  it('takes work again once it is not', async () => {
    world.stopping = false
    expect((await world.call('POST', '/api/v1/runs', { flow: 'greet', input: {} })).status).toBe(202)
    world.stopping = true
  })
})
