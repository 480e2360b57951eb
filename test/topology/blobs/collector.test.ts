/** Blobs are kept for as long as a run that is kept refers to them, wherever a crash strikes. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LocalFolder } from '../../../connectors/blobs/local-folder.ts'
import { realEnvironment } from '../../../connectors/environment.ts'
import type { TenantId } from '../../../schemas/ids.ts'
import { collect, READ_MODEL_OWNER, taskOwner } from '../../../topology/blobs/collector.ts'
import { decodeNote, encodeNote, type Round } from '../../../topology/blobs/round-note.ts'
import { chunks } from '../../conformance/blobs/suite.ts'

const TENANT = 'acme' as TenantId
const DAY = 24 * 3_600_000
const START = 100 * DAY
const KEEP = DAY

let folder: string
let now: number
let store: LocalFolder

const put = async (text: string): Promise<string> =>
  (await store.put(TENANT, chunks(Buffer.from(text)), { type: null, maxBytes: 1_000 })).hash
const exists = async (hash: string): Promise<boolean> => (await store.head(TENANT, hash)) !== null
const run = () => collect({ store, logId: 'log', partitions: 1, keepMs: KEEP, now })

/** The owner looks at what it has now. */
async function round(owner: string, hashes: readonly string[], logId = 'log'): Promise<void> {
  const last: Round = { logId, startedAtMs: now, hashes: new Set(hashes) }
  let before: Round | null = null
  for await (const { name, text } of store.notes()) if (name === owner) before = decodeNote(text)?.last ?? null
  await store.putNote(owner, encodeNote({ last, before }))
}

async function rounds(task: readonly string[], model: readonly string[]): Promise<void> {
  await round(taskOwner(0), task)
  await round(READ_MODEL_OWNER, model)
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'collect-'))
  now = START
  store = await LocalFolder.open(folder, { ...realEnvironment, now: () => now })
})
afterEach(() => rm(folder, { recursive: true }))

it('removes what nobody refers to, once it is old and everybody has looked twice since', async () => {
  const [unused, ofTask, ofModel] = [await put('unused'), await put('task'), await put('model')]
  for (const day of [2, 3]) {
    now = START + day * DAY
    await rounds([ofTask], [ofModel])
  }
  expect(await run()).toEqual({ waitsFor: null, removed: 1, kept: 2 })
  expect([await exists(unused), await exists(ofTask), await exists(ofModel)]).toEqual([false, true, true])
})

it('keeps what is young, or was stored again', async () => {
  const again = await put('again')
  now = START + 2 * DAY
  await put('again')
  const young = await put('young')
  await rounds([], [])
  now += 1
  await rounds([], [])
  expect(await run()).toMatchObject({ removed: 0 })
  expect([await exists(again), await exists(young)]).toEqual([true, true])
})

it('keeps what was referred to in only one of the last two rounds', async () => {
  const moved = await put('moved')
  now = START + 2 * DAY
  await rounds([moved], [])
  now += DAY
  await rounds([], [])
  expect(await run()).toMatchObject({ removed: 0 })
  now += DAY
  await rounds([], [])
  expect(await run()).toMatchObject({ removed: 1 })
  expect(await exists(moved)).toBe(false)
})

describe('nothing is removed', () => {
  const twice = async (work: () => Promise<void>): Promise<void> => {
    for (const day of [2, 3]) {
      now = START + day * DAY
      await work()
    }
  }
  it.each([
    ['before every task has looked', () => twice(() => round(READ_MODEL_OWNER, [])), /task 0 has not/],
    ['before a read model has looked', () => twice(() => round(taskOwner(0), [])), /no read model/],
    ['after one round alone', () => rounds([], []), /task 0 has not told twice/],
    [
      'of another deployment',
      () =>
        twice(async () => {
          await rounds([], [])
          await round('task-7', [], 'other')
        }),
      /another deployment/,
    ],
    [
      'if a note is damaged',
      () =>
        twice(async () => {
          await rounds([], [])
          await store.putNote(taskOwner(0), '{"log":"log"')
        }),
      /task 0 has not/,
    ],
  ])('%s', async (_name, work, waitsFor) => {
    const hash = await put('blob')
    await work()
    now = START + 10 * DAY
    expect((await run()).waitsFor).toMatch(waitsFor)
    expect(await exists(hash)).toBe(true)
  })

  it('while a task stands still, of what has come since', async () => {
    now = START + 2 * DAY
    await rounds([], [])
    now = START + 3 * DAY
    await rounds([], [])
    const late = await put('late')
    // the process is down for a month; its task has not read what refers to the blob
    now = START + 33 * DAY
    await round(READ_MODEL_OWNER, [])
    await round(READ_MODEL_OWNER, [])
    await run()
    expect(await exists(late)).toBe(true)
  })
})

it('reads its notes back', () => {
  const hashes = new Set(['a'.repeat(64), 'b'.repeat(64)])
  const note = {
    last: { logId: 'log', startedAtMs: 5, hashes },
    before: { logId: 'log', startedAtMs: 1, hashes: new Set<string>() },
  }
  expect(decodeNote(encodeNote(note))).toEqual(note)
  expect(decodeNote(encodeNote({ ...note, before: null }))).toEqual({ ...note, before: null })
  for (const wrong of ['', '-', '{}\n-', 'null\n-', '{"log":1,"startedAtMs":1}\n-'])
    expect(decodeNote(wrong)).toBeNull()
})
