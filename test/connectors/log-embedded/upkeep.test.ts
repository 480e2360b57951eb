import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import { type EmbeddedLog, openEmbeddedLog } from '../../../connectors/log-embedded/embedded-log.ts'
import type { EmbeddedLogOptions } from '../../../connectors/log-embedded/options.ts'
import { openEmbeddedReader } from '../../../connectors/log-embedded/reader.ts'
import type { LogWriter } from '../../../connectors/log-embedded/sequencer.ts'
import type { Topic } from '../../../schemas/topics.ts'
import { LogError, type PoolPartition } from '../../../topology/log/port.ts'
import { entry, pollAll, readAll, record, request, restore, texts, turn, until } from '../../conformance/log/harness.ts'
import { temporaryFolder } from './harness.ts'

let folder: string
let remove: () => Promise<void>
let nowMs: number
let log: EmbeddedLog
beforeEach(async () => {
  ;({ folder, remove } = await temporaryFolder())
  nowMs = 1_700_000_000_000
})
afterEach(async () => {
  await log.close()
  await remove()
})

async function open(options: Partial<EmbeddedLogOptions> = {}): Promise<EmbeddedLog> {
  const environment = { ...realEnvironment, now: () => nowMs }
  const eager = { settleGroups: 0, settleAtOnce: 1, tidyEveryMs: 3_600_000 }
  log = await openEmbeddedLog({ folder, partitions: 1, environment, ...eager, ...options })
  return log
}

function count(table: string): number {
  const database = new DatabaseSync(join(folder, 'log.db'), { readOnly: true })
  const rows = Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n'])
  database.close()
  return rows
}

function foldedTo(): number {
  const database = new DatabaseSync(join(folder, 'log.db'), { readOnly: true })
  const position = Number(database.prepare('SELECT folded FROM tasks WHERE task = 0').get()?.['folded'] ?? 0)
  database.close()
  return position
}

/** The newest group stays as it is; this makes it one that no test looks at. */
async function tidy(): Promise<void> {
  await log.append([record('dlq', 0, 'newest')])
  await log.tidy()
}

/** Text that packing cannot make smaller. */
const noise = (bytes: number): string => randomBytes(bytes / 2).toString('hex')

async function firstOffset(topic: Topic): Promise<number> {
  return (await log.describe()).find((each) => each.topic === topic)!.firstOffset
}

describe('folding', () => {
  it('moves the changelog into live rows, from which the task restores', async () => {
    await open({ foldBytes: 20_000 })
    let task = await log.openTask(0)
    const model = new Map<string, string>()
    for (let i = 0; i < 600; i++) {
      const [put, gone] = [`\x14run ${i}`, `\x14run ${i - 3}`]
      const entries = [entry(put, `head ${i}`), entry(gone, null), entry('\x0blast', `${i}`)]
      if (i % 100 === 0) entries.push(entry(`\x0akept ${i}`, 'x'.repeat(100)))
      await task.commit(request([], entries))
      for (const { key, value } of entries) {
        if (value === null) model.delete(key)
        else model.set(key, Buffer.from(value).toString())
      }
    }
    await until(() => foldedTo() > 100)
    expect(count('state')).toBeLessThan(30)
    for (const how of ['close', 'kill', null] as const) {
      task = await log.openTask(0)
      expect(task.start.changelogFirst).toBeGreaterThan(0)
      expect(task.start.changelogPosition).toBe(600)
      expect(await restore(task)).toEqual({ rows: model, position: 600 })
      expect(await restore(task, 600, model)).toEqual({ rows: model, position: 600 })
      if (how === null) break
      await log[how]()
      await open()
    }
  })

  it('waits for a task that restores', async () => {
    await open({ foldBytes: 1 })
    const writer = await log.openTask(0)
    for (let i = 0; i < 50; i++) await writer.commit(request([], [entry(`\x14${i}`, 'x')]))
    const task = await log.openTask(0)
    const batches = task.changelog(0)[Symbol.asyncIterator]()
    await batches.next()
    const before = foldedTo()
    await log.append([record('events', 0, 'a')])
    await log.tidy()
    expect(foldedTo()).toBe(before)
    expect(task.start.changelogPosition).toBe(50)
    // The first commit says that it has restored
    await task.commit(request([], [entry('\x14a', 'y')]))
    await task.commit(request([], [entry('\x14b', 'y')]))
    await until(() => foldedTo() === 52)
    expect((await restore(await log.openTask(0))).rows.size).toBe(52)
  })
})

describe('a rush', () => {
  it('puts off folding and settling, but not without bound', async () => {
    await open({ settleGroups: 4, foldBytes: 1_000 })
    let isRushed = true
    log.putOffUpkeepWhile(() => isRushed)
    const task = await log.openTask(0)
    const commit = (key: string) => task.commit(request([], [entry(key, 'x'.repeat(240))]))
    for (let i = 0; i < 6; i++) await commit(`\x14${i}`)
    await log.tidy()
    expect([count('groups'), foldedTo()]).toEqual([6, 0])
    for (let i = 6; i < 10; i++) await commit(`\x14${i}`)
    await log.tidy()
    expect(count('groups')).toBeLessThanOrEqual(4)
    await until(() => foldedTo() > 0)
    for (let i = 10; i < 14; i++) await commit(`\x14${i}`)
    isRushed = false
    await log.tidy()
    expect(count('groups')).toBeLessThanOrEqual(4)
  })
})

describe('trimming', () => {
  const fill = async (topic: Topic, batches: number) => {
    for (let i = 0; i < batches; i++) await log.append([record(topic, 0, `${i} ${noise(2000)}`)])
  }

  it('removes consumed batches by age, never what is not consumed, never the last', async () => {
    await open({ consumed: { maxAgeMs: 60_000 } })
    const task = await log.openTask(0)
    await fill('ingest', 10)
    await fill('route', 10)
    await task.commit(request([], [], [['ingest', 6]]))
    await task.commit(request([], [], [['route', 10]]))
    await tidy()
    expect(await firstOffset('ingest')).toBe(0)
    nowMs += 60_001
    await tidy()
    expect(await firstOffset('ingest')).toBe(6)
    expect(await firstOffset('route')).toBe(9)
    expect((await readAll(log, 'ingest', 0)).map((each) => each.offset)).toEqual([6, 7, 8, 9])
    await log.close()
    await open()
    expect(await firstOffset('ingest')).toBe(6)
    expect((await log.append([record('route', 0, 'next')]))[0]?.offset).toBe(10)
    const reopened = await log.openTask(0)
    expect((await pollAll(reopened, 'ingest')).map((each) => each.offset)).toEqual([6, 7, 8, 9])
  })

  it('removes consumed batches by size, oldest first', async () => {
    await open({ consumed: { maxBytes: 5_500 } })
    await fill('ingest', 400)
    const task = await log.openTask(0)
    await tidy()
    expect(await firstOffset('ingest')).toBe(0)
    await task.commit(request([], [], [['ingest', 398]]))
    await tidy()
    expect(await firstOffset('ingest')).toBe(395)
  })

  it('removes executors’ records below the progress, events and replies by their own settings', async () => {
    await open({ consumed: { maxAgeMs: 0 }, events: { maxBytes: 3_500 }, replies: { maxAgeMs: 0 } })
    for (const topic of ['execute.io', 'events', 'replies'] as const) await fill(topic, 8)
    nowMs++
    await log.joinPool('io', {
      onAssigned: (partition) => void partition.report([record('result', 0, 'r')], { next: 5, beyond: [[6, 7]] }),
      onRevoked: async () => {},
    })
    await log.append([record('ingest', 0, 'flush')])
    await tidy()
    expect(await firstOffset('execute.io')).toBe(5)
    expect(await firstOffset('events')).toBe(5)
    expect(await firstOffset('replies')).toBe(7)
  })

  it('keeps events that somebody is still to read, but not without bound', async () => {
    await open({ events: { maxBytes: 3_500, maxAgeMs: 0 } })
    await fill('events', 20)
    nowMs++
    let unread = 0
    log.keepEvents(() => [unread])
    await tidy()
    expect(await firstOffset('events')).toBe(0)
    unread = 4
    await tidy()
    expect(await firstOffset('events')).toBe(4)
    await fill('events', 40)
    await tidy()
    expect(await firstOffset('events')).toBeGreaterThan(4)
    expect(await firstOffset('events')).toBeLessThan(50)
  })

  it('leaves a reader that is behind at the first record there is', async () => {
    await open({ events: { maxAgeMs: 0 } })
    await fill('events', 20)
    await log.close()
    await open({ events: { maxAgeMs: 0 } })
    const reader = log.read('events', 0, 'first')
    expect(await reader.next(1)).toHaveLength(1)
    await fill('events', 5)
    nowMs++
    await tidy()
    const seen: number[] = []
    while (reader.position < 25) seen.push(...(await reader.next(100)).map((each) => each.offset))
    expect(seen.at(-1)).toBe(24)
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
    expect((await log.read('events', 0, { offset: 0 }).next(5))[0]?.offset).toBe(24)
  })
})

it('control keeps the last record of each key once it is read, at its offset', async () => {
  await open({ compactBytes: 1 })
  const define = (i: number) => record('control', 0, `flow ${i % 3} version ${i}`, { key: `flow ${i % 3}` })
  for (let i = 0; i < 30; i++) await log.append([define(i), record('control', 0, 'no key')])
  let task = await log.openTask(0)
  await task.commit(request([], [], [['control', 50]]))
  await tidy()
  const reader = openEmbeddedReader(folder)
  const kept = () => reader.read('control', 0, 0, 100)
  const expected = [44, 46, 48, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59]
  expect(kept().map((each) => each.offset)).toEqual(expected)
  await log.close()
  await open({ compactBytes: 1 })
  expect((await readAll(log, 'control', 0)).map((each) => each.offset)).toEqual(expected)
  task = await log.openTask(0)
  expect((await pollAll(task, 'control')).map((each) => each.offset)).toEqual(expected.slice(3))
  await task.commit(request([], [], [['control', 60]]))
  await tidy()
  expect(texts(kept())).toEqual(['flow 0 version 27', 'flow 1 version 28', 'flow 2 version 29'])
  expect((await log.append([define(30)]))[0]?.offset).toBe(60)
  expect(kept().map((each) => each.offset)).toEqual([54, 56, 58, 60])
  reader.close()
  await log.close()
  await open()
  expect((await readAll(log, 'control', 0)).map((each) => each.offset)).toEqual([54, 56, 58, 60])
  expect((await log.read('control', 0, { offset: 58 }).next(1))[0]?.offset).toBe(58)
})

describe('a full disk', () => {
  it('stops intake, loses nothing, and intake goes on by itself when there is room', async () => {
    await open({ maxPages: 200 })
    const task = await log.openTask(0)
    let stored = 0
    const fillUp = async () => {
      for (;;) {
        await log.append([record('events', 0, `${stored}`), record('ingest', 0, noise(20_000))])
        stored++
      }
    }
    await expect(fillUp()).rejects.toMatchObject({ code: 'LOG_FULL', retriable: true })
    expect(stored).toBeGreaterThan(5)
    expect(log.health()).toEqual({ writable: false, reason: expect.stringContaining('full') })
    await expect(log.append([record('events', 0, 'no')])).rejects.toMatchObject({ code: 'LOG_FULL' })
    await expect(task.commit(request([record('events', 0, 'no')]))).rejects.toMatchObject({ code: 'LOG_FULL' })
    const read = texts(await readAll(log, 'events', 0))
    expect(read).toEqual(Array.from({ length: stored }, (_, i) => `${i}`))

    const reopened = log.openTask(0)
    await log.limitPages(100_000)
    const again = await reopened
    expect(log.health()).toEqual({ writable: true, reason: null })
    const { offsets } = await again.commit(request([record('events', 0, 'yes')]))
    expect(offsets).toEqual([stored])
    await log.kill()
    await open()
    expect(texts(await readAll(log, 'events', 0))).toEqual([...read, 'yes'])
  })

  it('stores progress without results by itself, after it was full too', async () => {
    const full = Promise.withResolvers<void>()
    let left = 1
    const write = (writer: LogWriter, group: Parameters<LogWriter['write']>[0]) =>
      left-- > 0 ? full.promise : writer.write(group)
    await open({ interpose: (writer) => ({ ...writer, write: (group) => write(writer, group) }) })
    let held: PoolPartition | null = null
    await log.joinPool('io', {
      onAssigned: (partition) => {
        held = partition
      },
      onRevoked: async () => {},
    })
    const refused = expect(log.append([record('execute.io', 0, 'a')])).rejects.toMatchObject({ code: 'LOG_FULL' })
    await turn()
    await held!.report([], { next: 1, beyond: [] })
    full.reject(new LogError('LOG_FULL', 'no space', { retriable: true }))
    await refused
    await until(() => log.health().writable)
    await held!.report([], { next: 2, beyond: [] })
    await until(() => count('committed') > 0)
  })

  it('can be closed while it is full', async () => {
    await open({ maxPages: 60 })
    await expect(log.append([record('events', 0, noise(1 << 20))])).rejects.toMatchObject({ code: 'LOG_FULL' })
    const opening = expect(log.openTask(0)).rejects.toMatchObject({ code: 'LOG_CLOSED' })
    await log.close()
    await opening
  })
})

it('refuses a record over the limit, and everything in the same call', async () => {
  await open({ maxRecordBytes: 100 })
  const [small, large] = [record('events', 0, 'a'), record('events', 0, 'x'.repeat(101))]
  const refusal = { code: 'RECORD_TOO_LARGE', message: expect.stringContaining('101 bytes; at most 100') }
  await expect(log.append([small, large])).rejects.toMatchObject(refusal)
  const task = await log.openTask(0)
  const refused = expect(task.commit(request([small, large]))).rejects.toMatchObject(refusal)
  // what was decided on top of it must not take effect either
  await expect(task.commit(request([small]))).rejects.toMatchObject(refusal)
  await refused
  expect(await readAll(log, 'events', 0)).toEqual([])
  expect((await log.append([record('events', 0, 'x'.repeat(100))]))[0]?.offset).toBe(0)
})

it('refuses a partition that does not exist, and numbers of partitions that cannot be', async () => {
  await open()
  await expect(log.append([record('events', 1, 'a')])).rejects.toThrow("no partition 1 of topic 'events'")
  for (const partitions of [0, -1, 1.5, 65_537]) {
    await expect(openEmbeddedLog({ folder, partitions, environment: realEnvironment })).rejects.toThrow(RangeError)
  }
})
