import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openWorld, type World } from '../support.ts'
import { runBeamline } from './support.ts'

const NAP = 'flow: nap\nsteps:\n  - id: nap\n    type: wait\n    with: { for: 10m }\n'
const FAIL = 'flow: bad\nsteps:\n  - id: bad\n    type: fail\n    with: { code: NOT_YET, message: "no" }\n'

let world: World
let url: string
beforeAll(async () => {
  world = await openWorld()
  url = await world.gateway.listen('127.0.0.1', 0)
  for (const flow of [NAP, FAIL]) await world.publish(flow)
  for (let i = 0; i < 6; i++) await world.call('POST', '/api/v1/runs', { flow: 'nap', metadata: { shop: i % 2 } })
  for (let i = 0; i < 3; i++) await world.call('POST', '/api/v1/runs', { flow: 'bad' })
  const total = async (query: string) => (await world.call('GET', `/api/v1/runs/counts?${query}`)).body.total
  await vi.waitFor(async () => expect(await total('status=running')).toBe(6), { timeout: 60_000 })
  const open = async () => (await world.call('GET', '/api/v1/dlq/letters?status=open')).body.letters.length
  await vi.waitFor(async () => expect(await open()).toBe(3), { timeout: 60_000 })
})
afterAll(() => world.close())

const op = (...args: readonly string[]) => runBeamline(['op', ...args], { variables: { BEAMLINE_URL: url } })

describe('beamline op', () => {
  it('says what it would find, and does it when it is told', async () => {
    const dry = await op('start', 'cancel', '--metadata', 'shop:1', '--dry-run')
    expect(dry.out).toMatch(/^cancel would find 3 items\n/)
    expect(dry.out.trimEnd().split('\n')).toHaveLength(4)
    const begun = await op('start', 'cancel', '--metadata', 'shop:1', '--reason', 'closed', '--wait')
    expect(begun.code).toBe(0)
    expect(begun.out).toMatch(/^op-[0-9a-f]{32} {2}finished {2}cancel\n {2}3 of 3: 3 done, 0 skipped, 0 failed\n/)
    expect(begun.out).toContain('reason  closed')
  })

  it('begins, shows, lists and stops', async () => {
    const id = (await op('start', 'cancel', '--flow', 'nap', '--rate', '0.01', '--key', 'k', '--quiet')).out.trim()
    expect((await op('start', 'cancel', '--flow', 'nap', '--rate', '0.01', '--key', 'k')).out).toContain(
      `${id}  cancel of`,
    )
    await expect.poll(async () => (await op('show', id)).out).toContain('rate  0.01 a second')
    expect((await op('list', '--action', 'cancel', '--quiet')).out.split('\n')).toContain(id)
    expect((await op('stop', id)).out).toBe(`${id} begins nothing more\n`)
    await expect.poll(async () => (await op('show', id, '--quiet')).out).not.toBe('running\n')
    const shown = JSON.parse((await op('list', '--json', '--limit', '1')).out)
    expect(shown.operations).toHaveLength(1)
  })

  it('replays letters and shows what they became', async () => {
    const done = await op('start', 'replay', '--error', 'NOT_YET', '--wait', '--json')
    const { operation_id: id, done: count } = JSON.parse(done.out)
    expect(count).toBe(3)
    const items = await op('items', id, '--outcome', 'done')
    expect(items.out.trimEnd().split('\n')).toHaveLength(3)
    expect((await op('items', id, '--outcome', 'failed')).out).toBe('nothing yet\n')
  })

  it.each([
    [['start', 'cancel'], 2, 'nothing says what to act on'],
    [['start', 'cancel', '--flow', 'nap', '--rate', 'fast'], 2, "--rate is 'fast'; expected a number"],
    [['start', 'cancel', '--metadata', 'shop'], 2, "--metadata has 'shop'; expected key:value"],
    [['start', 'cancle', '--all'], 1, "did you mean 'cancel'"],
    [['start', 'cancel', '--fingerprint', 'x'], 1, '`query.fingerprint` is not known'],
    [['start', 'discard', '--all'], 1, '`reason` is missing'],
    [['show', 'op-none'], 1, 'is not known'],
    [['items', 'op-none'], 1, 'is not known'],
    [['stop', 'op-none'], 1, 'is not known'],
  ])('refuses %j', async (args, code, message) => {
    const ran = await op(...args)
    expect([ran.code, ran.out]).toEqual([code, ''])
    expect(ran.err).toContain(message)
  })
})
