import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, Pool } from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { realEnvironment as environment } from '../../../connectors/environment.ts'
import { openEmbeddedLog } from '../../../connectors/log-embedded/embedded-log.ts'
import { migrate, prepareBuilds } from '../../../connectors/read-model/postgres/catalog.ts'
import { openPool, withConnection } from '../../../connectors/read-model/postgres/connection.ts'
import { openPostgresReadModel } from '../../../connectors/read-model/postgres/postgres-read-model.ts'
import { BuildProjection } from '../../../connectors/read-model/postgres/projection.ts'
import { encodeRecord } from '../../../schemas/codec/wire.ts'
import type { RunId } from '../../../schemas/ids.ts'
import type { EventRecord } from '../../../schemas/records/index.ts'
import type { Log } from '../../../topology/log/port.ts'
import { anyRun } from '../../../topology/read-model/lists.ts'
import type { ReadModel } from '../../../topology/read-model/port.ts'
import { describeWithPostgres, describeWithPostgresOfItsOwn } from '../../support/postgres.ts'
import { appendEvents, caughtUp, memoryLog, openOnPostgres, PARTITIONS } from './models.ts'
import { completedRun, numbers, sampleRunId, TENANT } from './sample-events.ts'

const script = join(import.meta.dirname, 'projecting-process.ts')
const random = numbers(91)
const newId = (partition = 0): RunId => sampleRunId(partition, random)
const runs = (count: number, steps = 2): EventRecord[][] =>
  Array.from({ length: count }, (_, index) => completedRun({ runId: newId(index % PARTITIONS), steps, atMs: index }))
/** Each run in its order, among others, as tasks append them. */
const interleaved = (events: readonly EventRecord[][]): EventRecord[] =>
  Array.from({ length: events[0]!.length }, (_, at) => events.map((run) => run[at]!)).flat()

const list = (model: ReadModel) =>
  model.listRuns({ filter: anyRun(TENANT), order: 'oldest', limit: 1000, cursor: null })

/** All that the tables say must fit together. */
async function expectWhole(model: ReadModel, events: readonly EventRecord[][]): Promise<void> {
  const steps = (events[0]!.length - 2) / 2
  expect((await model.counts()).runs).toMatchObject({ completed: events.length, running: 0, accepted: 0 })
  expect((await list(model)).runs).toHaveLength(Math.min(events.length, 1000))
  for (const run of events.slice(0, 50)) {
    const { runId } = run[0] as { readonly runId: RunId }
    const view = await model.getRun(TENANT, runId)
    expect(view).toMatchObject({ status: 'completed' })
    expect(view?.steps.map((step) => step.status)).toEqual(new Array(steps).fill('completed'))
    const told = await model.runEvents({ tenant: TENANT, runId, after: null, limit: 1000 })
    expect(told?.events.map((event) => event.kind)).toEqual(run.map((event) => event.kind))
  }
}

await describeWithPostgres('the read model on Postgres', (postgres) => {
  let url: string
  let log: Log
  let models: ReadModel[]
  let admin: Pool
  beforeEach(async () => {
    url = await postgres.database()
    admin = new Pool({ connectionString: url, max: 1 })
    log = memoryLog()
    models = []
  })
  afterEach(async () => {
    for (const model of models) await model.close()
    await log.close()
    await admin.end()
  })
  const open = async (...options: Parameters<typeof openOnPostgres> extends [string, Log, ...infer R] ? R : never) => {
    const model = await openOnPostgres(url, log, ...options)
    models.push(model)
    return model
  }

  describe('applies each event once', () => {
    const records = (events: readonly EventRecord[]) =>
      events.map((event, offset) => ({ offset, value: encodeRecord(event) }))
    const projections = async (count: number) => {
      const pool = openPool({ url }, 'test', 2 * count)
      const deployment = { schema: 'beamline', logId: 'test', partitions: 1 }
      await withConnection(pool, (client) => migrate(client, deployment))
      await withConnection(pool, (client) => prepareBuilds(client, deployment))
      const made = Array.from(
        { length: count },
        () => new BuildProjection({ pool, schema: 'beamline', build: 1, partitions: 1 }),
      )
      const model = await openPostgresReadModel({ environment, url, logId: 'test', partitions: 1, project: null })
      models.push(model)
      return { pool, made, model }
    }

    it('whatever two that project at once hand over', async () => {
      const { pool, made, model } = await projections(2)
      const events = Array.from({ length: 40 }, (_, index) => completedRun({ runId: newId(0), steps: 2, atMs: index }))
      const all = records(interleaved(events))
      const work = async (projection: BuildProjection): Promise<number> => {
        let contests = 0
        for (;;) {
          const [from] = (await projection.positions()) as [number]
          if (from === all.length) return contests
          // From where it believes to be, or from before.
          const begin = Math.max(0, from - (random() % 5))
          const part = all.slice(begin, begin + 1 + (random() % 12))
          const nextOffset = part.at(-1)!.offset + 1
          const applied = await projection.apply([{ partition: 0, from: begin, nextOffset, records: part }], false)
          if (applied!.contested) contests++
        }
      }
      const contests = await Promise.all(made.map(work))
      expect(contests[0]! + contests[1]!).toBeGreaterThan(0)
      await expectWhole(model, events)
      await pool.end()
    })

    it('and nothing that would leave a gap', async () => {
      const { pool, made, model } = await projections(1)
      const [events] = [completedRun({ runId: newId(0), steps: 1, atMs: 1 })]
      const all = records(events)
      const applied = await made[0]!.apply([{ partition: 0, from: 2, nextOffset: 4, records: all.slice(2) }], false)
      expect(applied).toMatchObject({ contested: true, positions: new Map([[0, 0]]) })
      expect(await made[0]!.positions()).toEqual([0])
      expect((await model.counts()).runs.completed).toBe(0)
      await pool.end()
    })

    it('when connections are ended in the middle of transactions', async () => {
      const events = runs(300)
      const model = await open()
      const stream = interleaved(events)
      let kills = 0
      const kill = async (): Promise<number> => {
        const { rowCount } = await admin.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
            where application_name = 'beamline projector' and datname = current_database() and xact_start is not null`,
        )
        kills += rowCount ?? 0
        return kills
      }
      await appendEvents(log, stream.slice(0, 100))
      await caughtUp(log, model)
      for (let at = 100; at < stream.length; at += 100) {
        // Now and then it is held up in a transaction, so that some are struck for sure; the others end where they may be.
        const holder = at % 300 === 0 ? await holding('beamline_1.runs') : null
        await appendEvents(log, stream.slice(at, at + 100))
        if (holder === null) await kill()
        else await expect.poll(kill).toBeGreaterThan(kills)
        await holder?.release()
      }
      await caughtUp(log, model)
      expect(kills).toBeGreaterThan(0)
      await expectWhole(model, events)
    })

    /** Keeps others from writing to a table. */
    async function holding(table: string): Promise<{ release(): Promise<void> }> {
      const client = new Client({ connectionString: url })
      await client.connect()
      await client.query(`begin; lock table ${table} in exclusive mode`)
      return { release: () => client.end() }
    }

    it('when the process that projects is killed', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'beamline-read-model-'))
      const fill = async (some: readonly EventRecord[]): Promise<string> => {
        const filling = await openEmbeddedLog({ folder, partitions: PARTITIONS, environment })
        await appendEvents(filling, some)
        await filling.close()
        return filling.id
      }
      const events = runs(3000)
      const stream = interleaved(events)
      const done = async (): Promise<number> => {
        const text = 'select sum(next_offset)::integer as done from beamline.positions'
        return admin.query(text).then(
          ({ rows }) => rows[0].done ?? 0,
          () => 0,
        )
      }
      let kills = 0
      let id = ''
      // However far a process comes before it is killed, there is more for the next.
      const part = stream.length / 4
      for (let filled = 0, reached = 0; reached < stream.length; reached = await done()) {
        if (filled < stream.length) id = await fill(stream.slice(filled, filled + part))
        filled = Math.min(filled + part, stream.length)
        const child = spawn(process.execPath, [script, folder, url], { stdio: ['ignore', 'ignore', 'inherit'] })
        const ended = once(child, 'exit')
        try {
          await expect.poll(done, { interval: 2 }).toBeGreaterThan(reached)
        } finally {
          // It is under way, perhaps in the middle of the next batch.
          child.kill('SIGKILL')
          await ended
        }
        kills++
      }
      expect(kills).toBeGreaterThan(3)
      const asks = { environment, url, logId: id, partitions: PARTITIONS, project: null }
      const model = await openPostgresReadModel(asks)
      models.push(model)
      await expectWhole(model, events)
      rmSync(folder, { recursive: true, force: true })
    })

    it('with three processes that project, one of which stops', async () => {
      const [first, second, asks] = [await open(), await open(), await open({ projects: false })]
      const events = runs(200)
      const stream = interleaved(events)
      const half = stream.length / 2
      for (let at = 0; at < half; at += 40) await appendEvents(log, stream.slice(at, at + 40))
      await first.close()
      await appendEvents(log, stream.slice(half))
      await caughtUp(log, second)
      await expectWhole(second, events)
      await expectWhole(asks, events)
    })
  })

  it('is asked by processes that do not project, which are told of ends', async () => {
    const asks = await open({ projects: false, onProblem: () => {} })
    await expect(list(asks)).rejects.toMatchObject({
      code: 'READ_MODEL_FAILED',
      message: expect.stringMatching(/no read model in the schema beamline yet; a process with the role read-model/),
    })
    await open()
    const runId = newId(1)
    const events = completedRun({ runId, steps: 1, atMs: 1 })
    await appendEvents(log, events.slice(0, 2))
    await caughtUp(log, asks)
    const waiting = asks.awaitRun(TENANT, runId, 20_000)
    await appendEvents(log, events.slice(2))
    expect((await waiting)?.status).toBe('completed')
    await expect.poll(() => asks.positions()).toEqual([0, 4])
    // Asked for by one that only asks, done by the one that projects.
    await asks.rebuild()
    await expect.poll(async () => (await admin.query('select id from beamline.builds')).rows).toEqual([{ id: 2 }])
    expect((await asks.getRun(TENANT, runId))?.status).toBe('completed')
  })

  it('is built again once, when that is asked for twice', async () => {
    const first = await open()
    await appendEvents(log, completedRun({ runId: newId(0), steps: 1, atMs: 1 }))
    await caughtUp(log, first)
    await first.close()
    // Nobody is there to do it in between.
    const asks = await open({ projects: false })
    await asks.rebuild()
    await asks.rebuild()
    const builds = async () => (await admin.query('select id, state from beamline.builds order by id')).rows
    expect(await builds()).toEqual([
      { id: 1, state: 'serving' },
      { id: 2, state: 'wanted' },
    ])
    await open()
    await expect.poll(builds).toEqual([{ id: 2, state: 'serving' }])
  })

  it('finds ends by itself when nobody tells', async () => {
    const asks = await open({ projects: false, onProblem: () => {} })
    await open()
    const runId = newId(0)
    const events = completedRun({ runId, steps: 1, atMs: 1 })
    await appendEvents(log, events.slice(0, 2))
    await caughtUp(log, asks)
    const waiting = asks.awaitRun(TENANT, runId, 20_000)
    // Those who listen do not hear of it: it comes from a transaction that tells nobody.
    await admin.query(`update beamline_1.runs set status = 'completed', finished_at_ms = 5`)
    expect((await waiting)?.status).toBe('completed')
  })

  describe('refuses tables that are not its own', () => {
    beforeEach(async () => {
      const model = await open()
      await appendEvents(log, completedRun({ runId: newId(0), steps: 1, atMs: 1 }))
      await caughtUp(log, model)
      await model.close()
    })
    const others = [true, false]

    it.each(others)('of a later version (projecting: %s)', async (projects) => {
      await admin.query('update beamline.meta set version = 99')
      await expect(open({ projects })).rejects.toMatchObject({
        code: 'READ_MODEL_NEWER',
        message: expect.stringMatching(/has version 99, this process knows 1; bring this process up to date/),
      })
    })

    it.each(others)('of a build of a later version (projecting: %s)', async (projects) => {
      await admin.query('update beamline.builds set tables_version = 99')
      const opened = projects ? open() : open({ projects }).then(list)
      await expect(opened).rejects.toMatchObject({
        code: 'READ_MODEL_NEWER',
        message: expect.stringMatching(/version 99/),
      })
    })

    it.each(others)('of another log (projecting: %s)', async (projects) => {
      const other = { ...options(projects), logId: 'another' }
      await expect(openPostgresReadModel(other)).rejects.toMatchObject({
        code: 'READ_MODEL_FOREIGN',
        message: expect.stringMatching(
          /belongs to the log .+ with 2 partitions, not to another with 2; give each deployment a schema/,
        ),
      })
    })

    it.each(others)('of another number of partitions (projecting: %s)', async (projects) => {
      await expect(openPostgresReadModel({ ...options(projects), partitions: 3 })).rejects.toMatchObject({
        code: 'READ_MODEL_FOREIGN',
      })
    })

    it('and lives beside another deployment in a schema of its own', async () => {
      const other = memoryLog()
      const model = await openPostgresReadModel({
        ...options(true),
        logId: 'another',
        schema: 'other_one',
        project: { kind: 'log', log: other },
      })
      models.push(model)
      expect((await model.counts()).runs.completed).toBe(0)
      await model.close()
      await other.close()
    })

    const options = (projects: boolean) => ({
      environment,
      url,
      logId: log.id,
      partitions: PARTITIONS,
      project: projects ? ({ kind: 'log', log } as const) : null,
    })
  })

  it('builds tables of an earlier version again, while older processes ask those', async () => {
    const first = await open()
    const events = runs(10)
    await appendEvents(log, interleaved(events))
    await caughtUp(log, first)
    await first.close()
    await admin.query('update beamline.builds set tables_version = 1')
    const second = await open()
    await expect
      .poll(() =>
        list(second).then(
          (page) => page.runs.length,
          () => 0,
        ),
      )
      .toBe(10)
    await expectWhole(second, events)
  })

  it('says which names a schema may have', async () => {
    await expect(
      openPostgresReadModel({ environment, url, logId: 'x', partitions: 1, project: null, schema: 'a"; drop' }),
    ).rejects.toThrow(/the schema is "a\\"; drop"; expected lower-case letters/)
  })
})

await describeWithPostgresOfItsOwn('a database that goes away', (cluster) => {
  let log: Log
  let model: ReadModel
  const problems: string[] = []
  beforeEach(async () => {
    log = memoryLog()
    model = await openOnPostgres(cluster().url, log, { onProblem: (message) => problems.push(message) })
  })
  afterEach(async () => {
    await model.close()
    await log.close()
  })

  it('is found again, and nothing is lost or doubled', async () => {
    const events = runs(60)
    const stream = interleaved(events)
    const third = stream.length / 3
    await appendEvents(log, stream.slice(0, third))
    await caughtUp(log, model)
    const waiting = model.awaitRun(TENANT, (events.at(-1)![0] as { readonly runId: RunId }).runId, 60_000)
    // It waits once it has looked.
    for (let looks = 0; looks < 5; looks++) await list(model)
    await cluster().crash()
    await appendEvents(log, stream.slice(third, 2 * third))
    await expect(list(model)).rejects.toMatchObject({
      code: 'READ_MODEL_FAILED',
      message: expect.stringMatching(/the database of the read model cannot be reached/),
    })
    await cluster().start()
    await appendEvents(log, stream.slice(2 * third))
    await caughtUp(log, model)
    await expectWhole(model, events)
    expect((await waiting)?.status).toBe('completed')
    expect(problems.join('\n')).toMatch(/cannot be reached.*trying again/)
  })
})

describe('a database that is not there when it is opened', () => {
  it('is said to be so, and does not hold up the start', async () => {
    const log = memoryLog()
    const problems: string[] = []
    const url = 'postgres://someone:secret@127.0.0.1:1/nowhere'
    const model = await openOnPostgres(url, log, { projects: false, onProblem: (text) => problems.push(text) })
    await expect(list(model)).rejects.toMatchObject({ code: 'READ_MODEL_FAILED' })
    expect(problems.join('\n')).toMatch(/cannot be reached/)
    expect(problems.join('\n')).not.toContain('secret')
    await model.close()
    await log.close()
  })
})
