import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { EventRecord } from '../../../connectors/read-model/events.ts'
import { Projection } from '../../../connectors/read-model/sqlite/projection.ts'
import { encodeRecord } from '../../../schemas/codec/wire.ts'
import type { StepId } from '../../../schemas/ids.ts'
import { toJsonText } from '../../../schemas/json.ts'
import type { EventRecord as Event } from '../../../schemas/records/index.ts'
import type { RunView } from '../../../topology/read-model/port.ts'
import { fc } from '../../support/fast-check.ts'
import { completedRun, numbers, sampleRunId, TENANT } from './sample-events.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'beamline-read-model-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const file = () => join(folder, 'read-model.db')
const records = (events: readonly Event[], from = 0): EventRecord[] =>
  events.map((event, index) => ({ offset: from + index, value: encodeRecord(event) }))

function rowsOf(query: string): unknown[] {
  const database = new DatabaseSync(file(), { readOnly: true })
  const rows = database
    .prepare(query)
    .all()
    .map((row) => ({ ...row }))
  database.close()
  return rows
}

const runId = sampleRunId(1, numbers(3))
const base = { runId, tenant: TENANT, causeTopic: 'ingest', causeOffset: 7 }
const error = { code: 'BOOM', message: 'it broke', class: 'transient', retryAfterMs: null, detail: null } as const
const step = { ...base, stepId: 'a' as StepId }

const get = (projection: Projection, id = runId) => projection.ask('getRun', { tenant: TENANT, runId: id })

/** Shows everything of the run but where the projection stands. */
async function shown(projection: Projection, id = runId): Promise<Omit<RunView, 'asOf'> | null> {
  const run = await get(projection, id)
  if (run === null) return null
  const { asOf: _asOf, ...rest } = run
  return rest
}

describe('Projection', () => {
  it('shows a run with its steps as far as it has come', async () => {
    const projection = new Projection({ file: file(), partitions: 2 })
    const events = completedRun({ runId, steps: 2, atMs: 1000 })
    const [accepted, started] = records(events)
    projection.apply(1, [accepted!])
    expect(await get(projection)).toMatchObject({
      status: 'accepted',
      steps: [],
      asOf: { partition: 1, offset: 1 },
    })
    projection.apply(1, [started!])
    expect(await get(projection)).toMatchObject({
      status: 'running',
      startedAtMs: 1000,
      steps: [{ stepId: 'step-0', status: 'running', attempt: 1, pool: 'io' }],
    })
    projection.apply(1, records(events))
    expect(await get(projection)).toMatchObject({
      status: 'completed',
      acceptedAtMs: 1000,
      finishedAtMs: 1002,
      cause: { topic: 'ingest', offset: 7 },
      steps: [{ stepId: 'step-0', status: 'completed', workerId: 'worker-1' }, { stepId: 'step-1' }],
      asOf: { offset: 6 },
    })
    projection.close()
  })

  it('shows retries, waits and skips, and forgets their reasons when they are over', async () => {
    const projection = new Projection({ file: file(), partitions: 2 })
    const atMs = 1000
    const events: Event[] = [
      completedRun({ runId, steps: 0, atMs })[0]!,
      { kind: 'StepQueued', ...step, attempt: 1, atMs, pool: 'cpu', reason: 'concurrency' },
      { kind: 'StepStarted', ...step, attempt: 1, atMs: 1001, pool: 'cpu', poolPartition: 0 },
      { kind: 'StepRetrying', ...step, attempt: 1, atMs: 1002, error, retryAtMs: 2000 },
      { kind: 'StepWaiting', ...step, stepId: 'b' as StepId, attempt: 1, atMs, waitsFor: 'timer', untilMs: 9000 },
      { kind: 'StepSkipped', ...step, stepId: 'c' as StepId, attempt: 0, atMs, reason: 'condition' },
    ]
    projection.apply(1, records(events))
    const failedAttempts = [
      { attempt: 1, failedAtMs: 1002, error: '{"code":"BOOM","message":"it broke","class":"transient"}' },
    ]
    expect((await shown(projection))?.steps).toMatchObject([
      { stepId: 'a', status: 'retrying', dueAtMs: 2000, queuedAtMs: 1000, reason: null, failedAttempts },
      { stepId: 'b', status: 'waiting', dueAtMs: 9000, reason: 'timer' },
      { stepId: 'c', status: 'skipped', attempt: 0, reason: 'condition' },
    ])
    const output = toJsonText(1)
    const done: Event = {
      kind: 'StepCompleted',
      ...step,
      attempt: 2,
      atMs: 3000,
      output,
      workerId: 'w',
      startedAtMs: 2000,
      finishedAtMs: 3000,
    }
    projection.apply(1, records([done], events.length))
    expect((await shown(projection))?.steps[0]).toMatchObject({
      status: 'completed',
      attempt: 2,
      dueAtMs: null,
      error: null,
      failedAttempts,
    })
    projection.close()
  })

  const atMs = 5
  const ends: [Event, object][] = [
    [
      { kind: 'RunFailed', ...base, atMs, error, failedStep: step.stepId, letterId: 'l1' },
      { status: 'failed', failedStep: 'a', letterId: 'l1' },
    ],
    [
      { kind: 'RunCancelled', ...base, atMs, reason: 'enough', requestedBy: null },
      { status: 'cancelled', cancelReason: 'enough' },
    ],
    [
      { kind: 'RunTimedOut', ...base, atMs, deadlineAtMs: 4, letterId: 'l2' },
      { status: 'timed_out', letterId: 'l2' },
    ],
  ]
  it.each(ends)('shows an end by %j, whether folded with the acceptance or not', async (end, expected) => {
    const [accepted] = completedRun({ runId, steps: 0, atMs: 1 })
    for (const batches of [[[accepted!, end]], [[accepted!], [end]]]) {
      const projection = new Projection({ file: ':memory:', partitions: 2 })
      let offset = 0
      for (const batch of batches) {
        projection.apply(1, records(batch, offset))
        offset += batch.length
      }
      expect(await shown(projection)).toMatchObject({ ...expected, finishedAtMs: 5 })
      projection.close()
    }
  })

  it('shows a refused submission as a failed run, and lets it change no other', async () => {
    const projection = new Projection({ file: file(), partitions: 2 })
    const rejected: Event = { kind: 'RunRejected', ...base, atMs: 3, flow: 'nope', error }
    projection.apply(1, records([rejected]))
    expect(await shown(projection)).toMatchObject({ status: 'failed', flow: 'nope', version: 0, finishedAtMs: 3 })
    const other = sampleRunId(1, numbers(9))
    const [accepted] = completedRun({ runId: other, steps: 0, atMs: 1 })
    projection.apply(1, records([accepted!, { ...rejected, runId: other }], 1))
    expect(await shown(projection, other)).toMatchObject({ status: 'accepted', flow: 'sample' })
    projection.close()
  })

  it('keeps only the size of a payload over the limit', async () => {
    const projection = new Projection({ file: file(), partitions: 2, maxPayloadBytes: 200 })
    projection.apply(1, records(completedRun({ runId, steps: 0, atMs: 1, outputBytes: 500 })))
    expect(await shown(projection)).toMatchObject({ output: { kind: 'omitted', sizeBytes: 511 } })
    projection.close()
  })

  it('keeps a large input of a run that goes on beside its row, shows it all the time, knows its blobs and lets it go with its run', async () => {
    const projection = new Projection({ file: file(), partitions: 1, retention: { maxRuns: 0 } })
    const blob = 'ab'.repeat(32)
    const [accepted, ...rest] = completedRun({ runId: sampleRunId(0, numbers(31)), steps: 1, atMs: 1 })
    const input = toJsonText({ file: `blob://${blob}`, text: 'y'.repeat(20_000) })
    const { runId: id } = accepted as { runId: typeof runId }
    projection.apply(0, records([{ ...accepted, input } as Event]))
    expect(rowsOf('SELECT length(input) AS length FROM large_inputs')).toEqual([{ length: input.length }])
    expect((await shown(projection, id))?.input).toEqual({ kind: 'text', text: input })
    expect(await projection.ask('blobs', { after: 0 })).toMatchObject({ hashes: [blob] })
    projection.apply(0, records(rest, 1))
    expect(await shown(projection, id)).toMatchObject({ status: 'completed', input: { text: input } })
    for (let offset = 1 + rest.length; rowsOf('SELECT run_n FROM large_inputs').length > 0; offset++) {
      expect(offset).toBeLessThan(1_000)
      projection.apply(0, [{ offset, value: Buffer.from('junk') }])
    }
    expect(await shown(projection, id)).toBeNull()
    projection.close()
  })

  it('passes over what it cannot read and counts it', async () => {
    const projection = new Projection({ file: file(), partitions: 2 })
    projection.apply(1, [
      { offset: 0, value: Buffer.from('junk') },
      ...records(completedRun({ runId, steps: 0, atMs: 1 }), 1),
    ])
    expect(projection.undecodable).toBe(1)
    expect((await shown(projection))?.status).toBe('completed')
    projection.close()
  })

  it('lets go of old finished runs, never of open ones', async () => {
    const projection = new Projection({ file: file(), partitions: 1, retention: { maxRuns: 10 } })
    const random = numbers(11)
    const open = sampleRunId(0, random)
    projection.apply(0, records([completedRun({ runId: open, steps: 0, atMs: 1 })[0]!]))
    let offset = 1
    for (let index = 0; index < 64; index++) {
      const events = completedRun({ runId: sampleRunId(0, random), steps: 1, atMs: 1000 + index })
      projection.apply(0, records(events, offset))
      offset += events.length
    }
    const { runs } = await projection.ask('counts', null)
    expect(runs.accepted).toBe(1)
    expect(runs.completed).toBeLessThanOrEqual(10)
    expect(await shown(projection, open)).not.toBeNull()
    projection.close()
  })
})

describe('exactly once', () => {
  it('shows the same whatever the batches, repeats and restarts', async () => {
    const random = numbers(21)
    const events = Array.from({ length: 5 }, (_, index) =>
      completedRun({
        runId: sampleRunId(0, random),
        steps: 2,
        atMs: index,
        outputBytes: index % 2 === 0 ? 100 : 5_000,
      }),
    )
    const ids = events.map((run) => (run[0] as { runId: typeof runId }).runId)
    // Interleaved, each run in its order, as a task appends them.
    const stream = Array.from({ length: events[0]!.length }, (_, at) => events.map((run) => run[at]!)).flat()
    const all = records(stream)
    const whole = new Projection({ file: ':memory:', partitions: 1 })
    whole.apply(0, all)
    const expected = await Promise.all(ids.map((id) => shown(whole, id)))
    whole.close()
    const slices = fc.array(
      fc.record({ from: fc.nat(all.length), size: fc.integer({ min: 1, max: 12 }), reopen: fc.boolean() }),
      { maxLength: 25 },
    )
    await fc.assert(
      fc.asyncProperty(slices, async (batches) => {
        rmSync(file(), { force: true })
        let projection = new Projection({ file: file(), partitions: 1 })
        for (const { from, size, reopen } of batches) {
          const start = Math.min(from, projection.positions[0]!)
          projection.apply(0, all.slice(start, start + size))
          if (!reopen) continue
          projection.close()
          projection = new Projection({ file: file(), partitions: 1 })
        }
        projection.apply(0, all)
        const found = await Promise.all(ids.map((id) => shown(projection, id)))
        projection.close()
        expect(found).toEqual(expected)
      }),
      { numRuns: 40 },
    )
  })

  it('leaves rows and position as they were when a batch fails', async () => {
    const projection = new Projection({ file: file(), partitions: 1 })
    const [first, second] = [1, 3].map((seed) =>
      completedRun({ runId: sampleRunId(0, numbers(seed)), steps: 1, atMs: 1 }),
    )
    projection.apply(0, records(first!))
    const broken = { ...second![0]!, flow: null } as unknown as Event
    const batch = [{ offset: 4, value: Buffer.alloc(0), message: broken }]
    expect(() => projection.apply(0, batch)).toThrow(/NOT NULL/)
    expect(projection.positions).toEqual([4])
    projection.apply(0, records(second!, 4))
    expect((await projection.ask('counts', null)).runs.completed).toBe(2)
    projection.close()
  })
})

describe('a file that is of no use', () => {
  const events = completedRun({ runId, steps: 1, atMs: 1 })
  const filled = () => {
    const projection = new Projection({ file: file(), partitions: 2 })
    projection.apply(1, records(events))
    projection.close()
  }
  const rows: [what: string, damage: () => void, heads: readonly number[], reason: RegExp][] = [
    ['no database', () => writeFileSync(file(), 'x'.repeat(8192)), [], /cannot be read/],
    [
      'of another version',
      () => {
        const database = new DatabaseSync(file())
        database.exec('PRAGMA user_version = 99')
        database.close()
      },
      [],
      /version 99/,
    ],
    ['ahead of the log', () => {}, [0, 2], /ahead of events\/1 \(4, while the log ends at 2\)/],
  ]
  it.each(rows)('is begun anew: %s', async (_what, damage, heads, reason) => {
    filled()
    damage()
    const projection = new Projection({ file: file(), partitions: 2, heads })
    expect(projection.rebuilt).toMatch(reason)
    expect(projection.positions).toEqual([0, 0])
    projection.apply(1, records(events))
    expect((await shown(projection))?.status).toBe('completed')
    projection.close()
  })

  it('is begun anew when it turns out to be damaged later', async () => {
    const projection = new Projection({ file: file(), partitions: 2 })
    projection.apply(1, records(events))
    expect(projection.recover(Object.assign(new Error('malformed'), { errcode: 11 }))).toBe(true)
    expect(projection.positions).toEqual([0, 0])
    expect(projection.recover(new Error('disk full'))).toBe(false)
    projection.close()
  })

  it('is nothing to speak of when it was not there', async () => {
    const projection = new Projection({ file: file(), partitions: 2 })
    expect(projection.rebuilt).toBeNull()
    projection.close()
  })
})
