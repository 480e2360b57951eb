/** What a record refers to is durable before the record is, for inputs (by the task) and outputs (by the executor). */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { LocalFolder } from '../../../connectors/blobs/local-folder.ts'
import { realEnvironment } from '../../../connectors/environment.ts'
import { storedPayload } from '../../../schemas/blob.ts'
import { decodeRecord } from '../../../schemas/codec/wire.ts'
import type { TenantId } from '../../../schemas/ids.ts'
import { Payloads } from '../../../topology/blobs/payloads.ts'
import { type BlobStore, BlobStoreError } from '../../../topology/blobs/port.ts'
import { openWorld, type World } from '../../gateway/support.ts'

const TENANT = 'default' as TenantId
const FLOW = 'flow: grow\nsteps:\n  - { id: copy, type: echo, with: { twice: "${[input, input]}" } }\n'
const input = { text: 'x'.repeat(100_000) }
let folder: string
let store: BlobStore
let world: World
/** Calls of `put`, each until it is let through or fails. */
let puts: { readonly go: () => void; readonly fail: (error: Error) => void }[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'durable-'))
  const real = await LocalFolder.open(folder, realEnvironment)
  puts = []
  store = new Proxy(real, {
    get(target, name) {
      if (name !== 'put') return (target[name as keyof BlobStore] as (...args: unknown[]) => unknown).bind(target)
      return async (...args: Parameters<BlobStore['put']>) => {
        await new Promise<void>((go, fail) => puts.push({ go, fail }))
        return target.put(...args)
      }
    },
  })
  world = await openWorld({ partitions: 1, payloads: new Payloads(store) })
  await world.publish(FLOW)
})
afterEach(async () => {
  await world.close()
  await rm(folder, { recursive: true })
})

const events = async (): Promise<string> => {
  const infos = await world.log.describe()
  const end = infos.find(({ topic }) => topic === 'events')!.nextOffset
  const reader = world.log.read('events', 0, 'first')
  const kinds: string[] = []
  while (reader.position < end) for (const { value } of await reader.next(100)) kinds.push(decodeRecord(value).kind)
  reader.close()
  return kinds.join(' ')
}

it('neither a run nor the end of a step is told before what they refer to is stored', async () => {
  const submitted = await world.call('POST', '/api/v1/runs', { flow: 'grow', input })
  const { run_id } = submitted.body as { run_id: string }
  await expect.poll(() => puts.length).toBe(1)
  expect(await events()).toBe('')
  puts[0]!.go()
  await expect.poll(() => puts.length).toBe(2)
  expect(await events()).toBe('RunAccepted StepStarted')
  puts[1]!.go()
  await expect.poll(events).toMatch(/StepCompleted RunCompleted$/)
  const run = await world.readModel.awaitRun(TENANT, run_id as never, 5_000)
  for (const payload of [run!.input, run!.output]) {
    const mark = storedPayload(payload!.kind === 'text' ? payload!.text : '')!
    expect(await store.head(TENANT, mark.hash)).toMatchObject({ sizeBytes: mark.sizeBytes })
  }
})

it('a task whose payload cannot be stored commits nothing and tries again', async () => {
  await world.call('POST', '/api/v1/runs', { flow: 'grow', input })
  await expect.poll(() => puts.length).toBe(1)
  puts[0]!.fail(new BlobStoreError('BLOBS_UNAVAILABLE', 'no space'))
  await expect.poll(() => puts.length).toBe(2)
  expect(await events()).toBe('')
  puts[1]!.go()
  await expect.poll(() => puts.length).toBe(3)
  puts[2]!.go()
  await expect.poll(events).toMatch(/RunCompleted$/)
})

it('a step whose output cannot be stored is tried again as after any failure that may pass', async () => {
  await world.call('POST', '/api/v1/runs', { flow: 'grow', input })
  await expect.poll(() => puts.length).toBe(1)
  puts[0]!.go()
  await expect.poll(() => puts.length).toBe(2)
  puts[1]!.fail(new BlobStoreError('BLOBS_UNAVAILABLE', 'no space'))
  await expect.poll(events).toMatch(/StepRetrying|StepFailed/)
})
