/** Rounds over a real node: what live and finished runs refer to stays, also when the work is cut off between any two steps. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { LocalFolder } from '../../../connectors/blobs/local-folder.ts'
import { realEnvironment } from '../../../connectors/environment.ts'
import type { TenantId } from '../../../schemas/ids.ts'
import { BlobKeeper } from '../../../topology/blobs/keeper.ts'
import type { BlobStore } from '../../../topology/blobs/port.ts'
import { chunks } from '../../conformance/blobs/suite.ts'
import { openWorld, type World } from '../../gateway/support.ts'

const TENANT = 'default' as TenantId
const DAY = 24 * 3_600_000
const problems: string[] = []
let folder: string
let world: World
let shiftMs = 0
const environment = { ...realEnvironment, now: () => realEnvironment.now() + shiftMs }
let store: LocalFolder

const keeperOn = (place: BlobStore) =>
  new BlobKeeper({
    log: world.log,
    store: place,
    environment,
    tasks: () => world.node.tasks,
    readModel: { model: world.readModel, owner: 'read-model' },
    keepMs: DAY,
    onProblem: (message) => problems.push(message),
  })

const put = async (text: string) =>
  (await store.put(TENANT, chunks(Buffer.from(text)), { type: null, maxBytes: 1_000 })).hash
const exists = async (hash: string) => (await store.head(TENANT, hash)) !== null

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keeper-'))
  store = await LocalFolder.open(folder, environment)
  world = await openWorld({ partitions: 2 })
  await world.publish('flow: hold\nsteps:\n  - { id: pause, type: wait, with: { for: 1h } }\n')
  await world.publish('flow: pass\nsteps:\n  - { id: copy, type: echo, with: "${input}" }\n')
})
afterAll(async () => {
  await world.close()
  await rm(folder, { recursive: true })
})

it('keeps what runs refer to, and lets the rest go, wherever it is cut off', async () => {
  const [live, finished, unused] = [await put('live'), await put('finished'), await put('unused')]
  await world.call('POST', '/api/v1/runs', { flow: 'hold', input: { file: `blob://${live}` } })
  const ended = await world.call('POST', '/api/v1/runs?wait=20s', {
    flow: 'pass',
    input: { file: { blob: `blob://${finished}` } },
  })
  expect(ended.status).toBe(200)
  for (let step = 0; ; step++) {
    shiftMs += 2 * DAY
    const { place, died } = dyingAfter(store, step)
    await keeperOn(place).work()
    expect([await exists(live), await exists(finished)]).toEqual([true, true])
    if (!died()) break
    expect(step).toBeLessThan(200)
  }
  // undisturbed
  for (let i = 0; i < 2; i++) {
    shiftMs += 2 * DAY
    await keeperOn(store).work()
  }
  expect([await exists(live), await exists(finished), await exists(unused)]).toEqual([true, true, false])
})

/** Every call after so many fails, as if the process had gone. */
function dyingAfter(real: BlobStore, calls: number) {
  let left = calls
  let dead = false
  const place = new Proxy(real, {
    get(target, name) {
      const member = target[name as keyof BlobStore] as (...args: unknown[]) => unknown
      return (...args: unknown[]) => {
        if (left-- > 0) return member.apply(target, args)
        dead = true
        throw new Error('killed')
      }
    },
  })
  return { place, died: () => dead }
}
