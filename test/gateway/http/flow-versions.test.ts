import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openWorld, type World } from '../support.ts'

const version = (steps: string) => `flow: pay\nsteps:\n${steps}`
const STEP_A = '  - id: a\n    type: echo\n    with: one\n'
const STEP_B = '  - id: b\n    type: echo\n    after: [a]\n'

let world: World
beforeAll(async () => {
  world = await openWorld()
  const documents = [version(STEP_A), version(STEP_A + STEP_B), version(STEP_A.replace('one', 'two') + STEP_B)]
  for (const document of documents) expect((await world.publish(document)).status).toBe(201)
})
afterAll(() => world.close())

const get = (path: string, headers = {}) => world.call('GET', `/api/v1/flows/${path}`, undefined, headers)
const deprecate = (number: number | string, body: unknown = undefined) =>
  world.call('POST', `/api/v1/flows/pay/versions/${number}/deprecate`, body)

describe('POST /api/v1/flows/check', () => {
  it('says what is wrong and publishes nothing', async () => {
    const check = (document: string) =>
      world.call('POST', '/api/v1/flows/check', document, { 'content-type': 'application/yaml' })
    expect((await check(version(STEP_A).replace('pay', 'new'))).body).toEqual({ ok: true, flow: 'new', problems: [] })
    expect((await check('flow: new\n')).body).toMatchObject({ ok: false, problems: [{ code: expect.any(String) }] })
    expect((await check('')).status).toBe(400)
    expect((await get('new')).status).toBe(404)
  })
})

describe('versions of a flow', () => {
  it('are listed latest first, in parts', async () => {
    const first = await get('pay/versions?limit=2')
    expect(first.body).toMatchObject({ flow: 'pay', current: 3, next: 2, versions: [{ version: 3 }, { version: 2 }] })
    expect(first.body.versions[0].document).toBeUndefined()
    expect((await get('pay/versions?limit=2&after=2')).body).toMatchObject({ next: null, versions: [{ version: 1 }] })
  })

  it('are shown one by one, and not again to who has them', async () => {
    const shown = await get('pay/versions/1')
    expect(shown).toMatchObject({ status: 200, body: { version: 1, deprecated: null } })
    expect(shown.body.document.steps).toHaveLength(1)
    const etag = String(shown.headers.etag)
    expect(await get('pay/versions/1', { 'if-none-match': etag })).toMatchObject({ status: 304, body: '' })
    expect(await get('pay/versions/1', { 'if-none-match': `"x", W/${etag}` })).toMatchObject({ status: 304 })
    expect(await get('pay/versions/2', { 'if-none-match': etag })).toMatchObject({ status: 200 })
  })

  it('are compared, by default the latest with the one before', async () => {
    const { body } = await get('pay/diff')
    expect(body).toMatchObject({ flow: 'pay', from: 2, to: 3 })
    expect(body.changes).toEqual([{ path: 'steps[a].with', kind: 'changed', before: 'one', after: 'two' }])
    expect(body.text).toContain('--- pay version 2\n+++ pay version 3\n')
    expect(body.text).toMatch(/^-\s+with: one$/m)
    const added = await get('pay/diff?from=1&to=2')
    expect(added.body.changes).toMatchObject([{ path: 'steps[b]', kind: 'added', after: { id: 'b' } }])
    expect((await get('pay/diff?from=2&to=2')).body).toMatchObject({ changes: [], text: '' })
    expect((await get('pay/diff?to=1')).body).toMatchObject({ from: 1, to: 1 })
  })

  it.each([
    ['pay/versions/9', 404, /no version 9; expected 1 to 3/],
    ['pay/versions/0', 400, /'version' is "0"; expected an integer from 1/],
    ['pay/versions/latest', 400, /'version' is "latest"/],
    ['pai/versions', 404, /flow "pai" is unknown.*did you mean 'pay'/],
    ['pay/versions?limit=0', 400, /'limit'/],
    ['pay/versions?after=x', 400, /'after'/],
    ['pay/diff?from=7', 404, /no version 7/],
    ['pay/diff?from=1&from=2', 400, /more than once/],
    ['pay/diff?form=1', 400, /'form' is not known \(did you mean 'from'|'form' is not known.*from/],
    ['pai/diff', 404, /unknown/],
  ])('%s is refused', async (path, status, message) => {
    const answer = await get(path)
    expect(answer.status).toBe(status)
    expect(answer.body.error.message).toMatch(message)
  })
})

describe('POST /api/v1/flows/:flow/versions/:version/deprecate', () => {
  const start = async (more = {}) => {
    const { status, body } = await world.call('POST', '/api/v1/runs?wait=20s', { flow: 'pay', ...more })
    return status === 200 ? body.version : body.error.code
  }

  it('gives runs that name no version the latest one that is left, and refuses them where none is', async () => {
    expect(await start()).toBe(3)
    const changed = await deprecate(3, { reason: 'too slow' })
    expect(changed.body).toMatchObject({ version: 3, deprecated: { reason: 'too slow', by: null } })
    expect(await start()).toBe(2)
    expect(await start({ version: 3 })).toBe(3)
    expect((await get('pay/versions')).body).toMatchObject({ current: 2 })
    for (const number of [1, 2]) await deprecate(number)
    expect(await start()).toBe('flow_deprecated')
    expect(await start({ version: 1 })).toBe(1)
    const lines = await world.call('POST', '/api/v1/runs/batch', '{"flow":"pay"}', {
      'content-type': 'application/x-ndjson',
    })
    expect(JSON.parse(lines.body)).toMatchObject({ status: 'refused', error: { code: 'flow_deprecated' } })
    expect((await get('pay/versions')).body.current).toBe(null)
    expect((await deprecate(2, { deprecated: false })).body).toMatchObject({ version: 2, deprecated: null })
    expect(await start()).toBe(2)
    expect((await deprecate(2, { deprecated: false })).status).toBe(200)
  })

  it.each([
    ['a version that is none', 'x', undefined, 400, /'version'/],
    ['a version that is not there', 8, undefined, 404, /no version 8/],
    ['a reason that is none', 1, { reason: '' }, 400, /`reason`/],
    [
      'something else than true or false',
      1,
      { deprecated: 'yes' },
      400,
      /`deprecated` is "yes"; expected true or false/,
    ],
    ['an unknown field', 1, { reasons: 'x' }, 400, /did you mean 'reason'/],
  ])('refuses %s', async (_what, number, body, status, message) => {
    const answer = await deprecate(number, body)
    expect(answer.status).toBe(status)
    expect(answer.body.error.message).toMatch(message)
  })
})
