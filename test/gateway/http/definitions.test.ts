import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decodeRecord } from '../../../schemas/codec/wire.ts'
import { openWorld, type World } from '../support.ts'

const flow = (text: string, name = 'greet') =>
  `flow: ${name}\nsteps:\n  - id: hello\n    type: echo\n    with: ${text}\n`

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(() => world.close())

describe('POST /api/v1/flows', () => {
  it('gives versions in order, and none to the document that is there already', async () => {
    expect(await world.publish(flow('one'))).toMatchObject({
      status: 201,
      body: { flow: 'greet', version: 1, created: true },
    })
    expect(await world.publish(flow('two'))).toMatchObject({ status: 201, body: { version: 2 } })
    expect(await world.publish(flow('two'))).toMatchObject({ status: 200, body: { version: 2, created: false } })
    expect(await world.publish(flow('one'))).toMatchObject({ status: 201, body: { version: 3 } })
    const json = { flow: 'greet', steps: [{ id: 'hello', type: 'echo', with: 'one' }] }
    expect(await world.call('POST', '/api/v1/flows', json)).toMatchObject({ status: 200, body: { version: 3 } })
  })

  it('puts a copy into every partition of control, and gives concurrent publications versions of their own', async () => {
    const answers = await Promise.all(['a', 'b', 'c', 'd'].map((text) => world.publish(flow(text, 'many'))))
    expect(answers.map((answer) => answer.body.version).toSorted()).toEqual([1, 2, 3, 4])
    for (let partition = 0; partition < 4; partition++) {
      const reader = world.log.read('control', partition, 'first')
      const versions: number[] = []
      while (versions.length < 4) {
        for (const record of await reader.next(100)) {
          const message = record.message ?? decodeRecord(record.value)
          if (message.kind === 'FlowPublished' && message.flow === 'many') versions.push(message.version)
        }
      }
      reader.close()
      expect(versions).toEqual([1, 2, 3, 4])
    }
  })

  it('lists what is wrong with a document, with positions', async () => {
    const { status, body } = await world.publish('flow: bad\nsteps:\n  - id: a\n    type: ecko\n    after: [b]\n')
    expect(status).toBe(400)
    expect(body.error.code).toBe('invalid_flow')
    expect(body.error.message).toMatch(
      /cannot be published: line 4, column 11: `steps\[0\]\.type`: .*ecko.* \(and 1 more\)$/,
    )
    const { problems } = body.error.details
    expect(problems).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ path: 'steps[0].type', line: 4, message: expect.stringMatching(/ecko.*echo/) }),
        expect.objectContaining({ path: 'steps[0].after[0]', line: 5 }),
      ]),
    )
  })

  it.each([
    ['malformed YAML', 'flow: [', /YAML/],
    ['malformed JSON', '{"flow": }', /JSON.*expected/],
    ['nothing', '', /empty/],
    ['10,000 levels', `{"flow":${'['.repeat(10_000)}`, /nested|deep/],
  ])('refuses %s', async (_what, document, message) => {
    const { status, body } = await world.publish(document)
    expect(status).toBe(400)
    expect(body.error.message).toMatch(message)
  })

  it('checks a document without publishing it', async () => {
    const check = (document: string) =>
      world.call('POST', '/api/v1/flows/validate', document, { 'content-type': 'application/yaml' })
    expect((await check(flow('x', 'unpublished'))).body).toEqual({ ok: true, flow: 'unpublished', problems: [] })
    expect((await check('flow: x\n')).body).toMatchObject({ ok: false })
    expect((await world.call('GET', '/api/v1/flows/unpublished')).status).toBe(404)
  })
})

describe('GET /api/v1/flows', () => {
  it('shows the latest versions of the tenant, and the document of one', async () => {
    const tenant = { 'x-tenant-id': 'reader' }
    await world.publish(flow('one', 'beta'), tenant)
    await world.publish(flow('two', 'beta'), tenant)
    await world.publish(flow('one', 'alpha'), tenant)
    const { body } = await world.call('GET', '/api/v1/flows', undefined, tenant)
    expect(body.flows.map((one: { flow: string; version: number }) => `${one.flow} ${one.version}`)).toEqual([
      'alpha 1',
      'beta 2',
    ])
    const first = await world.call('GET', '/api/v1/flows/beta?version=1', undefined, tenant)
    expect(first.body).toMatchObject({ version: 1, versions: [1, 2], document: { steps: [{ with: 'one' }] } })
    expect((await world.call('GET', '/api/v1/flows/beta', undefined, tenant)).body.version).toBe(2)
    const missing = await world.call('GET', '/api/v1/flows/bata', undefined, tenant)
    expect(missing).toMatchObject({ status: 404, body: { error: { code: 'flow_not_found' } } })
    expect(missing.body.error.message).toMatch(/'beta'/)
  })
})

describe('PUT /api/v1/tenants/:tenant', () => {
  const put = (tenant: string, body: object) => world.call('PUT', `/api/v1/tenants/${tenant}`, body)

  it('changes what is named and keeps the rest', async () => {
    expect((await put('acme', { max_concurrency: 8, weight: 3 })).body).toEqual({
      tenant_id: 'acme',
      revision: 1,
      max_concurrency: 8,
      rate_per_second: null,
      burst: null,
      weight: 3,
      spread: null,
    })
    expect((await put('acme', { max_concurrency: null, rate_per_second: 0.5 })).body).toMatchObject({
      revision: 2,
      max_concurrency: null,
      rate_per_second: 0.5,
      weight: 3,
    })
    expect((await world.call('GET', '/api/v1/tenants/acme')).body.revision).toBe(2)
  })

  it('refuses limits that cannot be divided, and says what helps', async () => {
    const refused = await put('small', { max_concurrency: 3 })
    expect(refused.status).toBe(400)
    expect(refused.body.error.message).toMatch(/`max_concurrency` is 3.*4 partitions.*`spread` to at most 3/)
    expect((await put('small', { max_concurrency: 3, spread: 2 })).body).toMatchObject({
      max_concurrency: 3,
      spread: 2,
    })
  })

  it('keeps the spread once it is set', async () => {
    await put('fixed', { spread: 1 })
    expect(await put('fixed', { spread: 2 })).toMatchObject({ status: 409, body: { error: { code: 'conflict' } } })
    expect((await put('fixed', { spread: 1, weight: 2 })).status).toBe(200)
  })

  it.each([
    [{ weight: 0 }, /`weight` is 0; expected an integer from 1 to 1000/],
    [{ spread: 5 }, /number of partitions, 4/],
    [{ wieght: 2 }, /`wieght`.*'weight'/],
    [{ burst: '9' }, /`burst` is "9"/],
  ])('refuses %j', async (body, message) => {
    const answer = await put('wrong', body)
    expect(answer.status).toBe(400)
    expect(answer.body.error.message).toMatch(message)
  })
})
