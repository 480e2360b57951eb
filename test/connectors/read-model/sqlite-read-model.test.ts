import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import { openEmbeddedLog } from '../../../connectors/log-embedded/embedded-log.ts'
import { openMemoryLog } from '../../../connectors/log-memory/memory-log.ts'
import { createMemoryStorage } from '../../../connectors/log-memory/storage.ts'
import { MANY_EVENTS } from '../../../connectors/read-model/sqlite/freshness.ts'
import { openSqliteReadModel, type SqliteReadModel } from '../../../connectors/read-model/sqlite/sqlite-read-model.ts'
import { encodeRecord } from '../../../schemas/codec/wire.ts'
import { homeOf, type RunId } from '../../../schemas/ids.ts'
import type { EventRecord } from '../../../schemas/records/index.ts'
import type { Log, OutRecord } from '../../../topology/log/port.ts'
import { anyRun } from '../../../topology/read-model/lists.ts'
import { completedRun, numbers, sampleRunId, TENANT } from './sample-events.ts'

const PARTITIONS = 2
const environment = realEnvironment

let folder: string
let log: Log
let model: SqliteReadModel
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'beamline-read-model-'))
})
afterEach(async () => {
  await model.close()
  await log.close()
  rmSync(folder, { recursive: true, force: true })
})

const outRecord = (event: EventRecord, runId: RunId): OutRecord => ({
  topic: 'events',
  partition: homeOf(runId, PARTITIONS),
  key: null,
  value: encodeRecord(event),
  headers: null,
  handled: false,
  message: event,
})

async function append(runId: RunId, events: readonly EventRecord[]): Promise<void> {
  await log.append(events.map((event) => outRecord(event, runId)))
  model.poke()
}

const problems: string[] = []
const onProblem = (message: string): void => void problems.push(message)
const sources = [
  [
    'pumped from a log',
    async () => {
      log = openMemoryLog(createMemoryStorage(PARTITIONS), environment)
      const source = { kind: 'pump', log } as const
      model = await openSqliteReadModel({ environment, file: ':memory:', partitions: PARTITIONS, source, onProblem })
    },
  ],
  [
    'reading the embedded log itself',
    async () => {
      log = await openEmbeddedLog({ folder, partitions: PARTITIONS, environment })
      const source = { kind: 'embedded', folder } as const
      const file = join(folder, 'read-model.db')
      model = await openSqliteReadModel({ environment, file, partitions: PARTITIONS, source, onProblem })
    },
  ],
] as const

describe.each(sources)('the SQLite read model, %s', (_what, open) => {
  beforeEach(open)
  const ids = [0, 1].map((partition) => sampleRunId(partition, numbers(partition + 5)))

  it('shows what has been appended', async () => {
    for (const runId of ids) await append(runId, completedRun({ runId, steps: 2, atMs: 1000 }))
    for (const runId of ids)
      await expect.poll(async () => (await model.getRun(TENANT, runId))?.status).toBe('completed')
    expect((await model.counts()).runs.completed).toBe(2)
    await expect.poll(() => model.positions()).toEqual([6, 6])
    const query = { filter: anyRun(TENANT), order: 'newest', limit: 10, cursor: null } as const
    expect((await model.listRuns(query)).runs).toHaveLength(2)
  })

  it('answers who waits for a run when it ends, when the time is up, and when they have gone', async () => {
    const [runId] = ids as [RunId]
    const events = completedRun({ runId, steps: 1, atMs: 1 })
    expect(await model.awaitRun(TENANT, runId, 5)).toBeNull()
    await append(runId, events.slice(0, 2))
    const waiting = model.awaitRun(TENANT, runId, 20_000)
    const gone = new AbortController()
    const abandoned = model.awaitRun(TENANT, runId, 20_000, gone.signal)
    await expect.poll(async () => (await model.getRun(TENANT, runId))?.status).toBe('running')
    gone.abort()
    expect((await abandoned)?.status).toBe('running')
    await append(runId, events.slice(2))
    expect((await waiting)?.status).toBe('completed')
    expect((await model.awaitRun(TENANT, runId, 20_000))?.status).toBe('completed')
  })

  it('is built again once, when that is asked for twice', async () => {
    problems.length = 0
    for (const runId of ids) await append(runId, completedRun({ runId, steps: 2, atMs: 1000 }))
    await expect.poll(() => model.positions()).toEqual([6, 6])
    await Promise.all([model.rebuild(), model.rebuild()])
    await expect.poll(async () => (await model.state()).rebuilding).toBeNull()
    expect(problems).toEqual(['the read model has been built again and serves'])
    expect((await model.counts()).runs.completed).toBe(2)
  })

  it('refuses to answer once it is closed', async () => {
    await model.close()
    await expect(model.getRun(TENANT, ids[0]!)).rejects.toMatchObject({ code: 'READ_MODEL_CLOSED' })
  })
})

describe('the SQLite read model on a busy embedded log', () => {
  beforeEach(sources[1][1])
  const newest = { filter: anyRun(TENANT), order: 'newest', limit: 1000, cursor: null } as const
  const runOf = (seed: number): RunId => sampleRunId(seed % PARTITIONS, numbers(seed))

  it('shows a run as it is now, and lists soon', async () => {
    const many = Array.from({ length: 200 }, (_, index) => runOf(index + 1))
    const events = many.flatMap((runId) =>
      completedRun({ runId, steps: 2, atMs: 1000 }).map((event) => outRecord(event, runId)),
    )
    expect(events.length).toBeGreaterThan(MANY_EVENTS)
    await log.append(events)
    // the question itself looks for what was appended, and finds much
    expect((await model.listRuns(newest)).runs).toHaveLength(many.length)
    const [accepted, ...rest] = completedRun({ runId: runOf(1001), steps: 2, atMs: 2000 })
    await log.append([outRecord(accepted!, runOf(1001))])
    expect((await model.getRun(TENANT, runOf(1001)))?.status).toBe('accepted')
    await append(runOf(1001), rest)
    await expect.poll(async () => (await model.listRuns(newest)).runs[0]?.status).toBe('completed')
    expect((await model.getRun(TENANT, runOf(1001)))?.status).toBe('completed')
  })
})
