import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RunId, TenantId } from '../../../schemas/ids.ts'
import { toJsonText } from '../../../schemas/json.ts'
import type { EventRecord } from '../../../schemas/records/index.ts'
import { anyLetter, anyRun, type RunFilter, type RunPage, type RunQuery } from '../../../topology/read-model/lists.ts'
import { caughtUp, type OpenStage, openers, type Stage } from './models.ts'
import { completedRun, TENANT } from './sample-events.ts'
import {
  completed,
  error,
  failed,
  idOf,
  letter,
  newId,
  queued,
  retrying,
  sample,
  started,
  step,
} from './sample-runs.ts'

describe.each(await openers())('the read model on %s', (_name, open: OpenStage) => {
  let stage: Stage
  beforeEach(async () => {
    stage = await open()
  })
  afterEach(() => stage.close())

  const list = (more: Partial<RunFilter> = {}, query: Partial<RunQuery> = {}): Promise<RunPage> =>
    stage.model.listRuns({
      filter: { ...anyRun(TENANT), ...more },
      order: 'newest',
      limit: 100,
      cursor: null,
      ...query,
    })
  const idsOf = (page: RunPage): RunId[] => page.runs.map((run) => run.runId)

  it('shows runs as far as they have come, and says how far it is', async () => {
    const [first, second] = [newId(0), newId(1)]
    await stage.project([
      ...completedRun({ runId: first, steps: 2, atMs: 1000 }),
      ...completedRun({ runId: second, steps: 1, atMs: 2000 }).slice(0, 2),
    ])
    expect(await stage.model.getRun(TENANT, first)).toMatchObject({
      status: 'completed',
      steps: [
        { stepId: 'step-0', status: 'completed', attempt: 1, pool: 'io', workerId: 'worker-1', startedAtMs: 1000 },
        { stepId: 'step-1', status: 'completed', output: { kind: 'text' } },
      ],
      asOf: { partition: 0, offset: 6, eventMs: 2000 },
    })
    expect(await stage.model.getRun(TENANT, second)).toMatchObject({
      status: 'running',
      steps: [{ stepId: 'step-0', status: 'running' }],
      asOf: { partition: 1, offset: 2 },
    })
    expect(await stage.model.getRun('other' as TenantId, first)).toBeNull()
    expect(await stage.model.state()).toEqual({
      asOf: { positions: [6, 2], eventMs: 2000 },
      rebuilding: null,
    })
    expect((await stage.model.counts()).runs).toMatchObject({ completed: 1, running: 1 })
  })

  it('shows the same whether a run came in one batch or in many', async () => {
    const events = (runId: RunId): EventRecord[] =>
      sample({
        runId,
        atMs: 1000,
        metadata: { order: 'o-1' },
        after: (base) => [
          queued(base, 'rate'),
          started(base),
          retrying(base),
          { ...started(base), attempt: 2 } as EventRecord,
          {
            kind: 'StepCompleted',
            ...step(base, 'a'),
            attempt: 2,
            output: toJsonText({ n: 1.5 }),
            workerId: 'w "1"',
            startedAtMs: 1600,
            finishedAtMs: 1700,
          },
          { kind: 'StepSkipped', ...step(base, 'b'), attempt: 0, reason: 'condition' },
          { kind: 'StepFailed', ...step(base, 'c'), status: 'failed', error, optional: true },
          failed(base),
        ],
      })
    const [whole, parts] = [newId(0), newId(0)]
    await stage.project(events(whole))
    for (const event of events(parts)) await stage.project([event])
    const shown = async (runId: RunId) => {
      const { runId: _id, asOf: _asOf, ...run } = (await stage.model.getRun(TENANT, runId))!
      return run
    }
    const told = async (runId: RunId) => {
      const { events } = (await stage.model.runEvents({ tenant: TENANT, runId, after: null, limit: 100 }))!
      return events.map(({ offset: _offset, ...event }) => event)
    }
    expect(await shown(parts)).toEqual(await shown(whole))
    expect((await shown(whole)).steps[0]).toMatchObject({
      attempt: 2,
      queuedAtMs: 1000,
      workerId: 'w "1"',
      output: { kind: 'text', text: '{"n":1.5}' },
      failedAttempts: [{ attempt: 1 }],
    })
    expect(await told(parts)).toEqual(await told(whole))
  })

  it('tells the events of a run with their positions, a part at a time', async () => {
    const [runId, other] = [newId(0), newId(0)]
    const events = sample({ runId, atMs: 1000, after: (base) => [started(base), retrying(base), failed(base)] })
    const others = completedRun({ runId: other, steps: 1, atMs: 1000 })
    // Interleaved with those of another run.
    await stage.project(events.flatMap((event, index) => [event, others[index]!]))
    const page = await stage.model.runEvents({ tenant: TENANT, runId, after: null, limit: 3 })
    expect(page).toMatchObject({
      partition: 0,
      more: true,
      events: [
        { offset: 0, atMs: 1000, kind: 'RunAccepted', stepId: null, attempt: null },
        { offset: 2, kind: 'StepStarted', stepId: 'a', attempt: 1, detail: null },
        { offset: 4, kind: 'StepRetrying', detail: 'BOOM' },
      ],
    })
    const rest = await stage.model.runEvents({ tenant: TENANT, runId, after: 4, limit: 3 })
    expect(rest).toMatchObject({ more: false, events: [{ offset: 6, kind: 'RunFailed', atMs: 1010 }] })
    expect(await stage.model.runEvents({ tenant: TENANT, runId: newId(), after: null, limit: 3 })).toBeNull()
  })

  it('answers who waits for a run when it ends, when the time is up, and when they have gone', async () => {
    const runId = newId(1)
    const events = completedRun({ runId, steps: 1, atMs: 1 })
    expect(await stage.model.awaitRun(TENANT, runId, 5)).toBeNull()
    await stage.project(events.slice(0, 2))
    const waiting = stage.model.awaitRun(TENANT, runId, 20_000)
    const gone = new AbortController()
    const abandoned = stage.model.awaitRun(TENANT, runId, 20_000, gone.signal)
    gone.abort()
    expect((await abandoned)?.status).toBe('running')
    await stage.append(events.slice(2))
    expect((await waiting)?.status).toBe('completed')
    expect((await stage.model.awaitRun(TENANT, runId, 20_000))?.status).toBe('completed')
  })

  it('groups letters, lists them in parts, and follows what becomes of them', async () => {
    const resolved = { tenant: TENANT, fingerprint: 'f1', causeTopic: 'dlq', causeOffset: 1, requestedBy: 'me' }
    await stage.project([
      letter('l1', 10),
      letter('l2', 20, { error: { ...error, message: 'the latest' } }),
      letter('l3', 30, { fingerprint: 'f2', flow: 'other', error: { ...error, code: 'OTHER' } }),
      letter('l4', 15),
    ])
    await stage.project([
      { kind: 'LetterReplayed', ...resolved, letterId: 'l1', atMs: 40, replayId: 'r', newRunId: null, reason: null },
      { kind: 'LetterDiscarded', ...resolved, letterId: 'l4', atMs: 41, reason: 'noise' },
      { kind: 'LetterDiscarded', ...resolved, letterId: 'unknown', atMs: 42, reason: 'noise' },
      letter('l5', 50),
      { kind: 'LetterDiscarded', ...resolved, letterId: 'l5', atMs: 51, reason: 'noise' },
    ])
    const { groups, asOf } = await stage.model.letterGroups(TENANT)
    expect(groups).toMatchObject([
      {
        fingerprint: 'f1',
        ...{ open: 1, replayed: 1, discarded: 2, firstAtMs: 10, lastAtMs: 50 },
        sampleLetterIds: ['l2'],
      },
      { fingerprint: 'f2', flow: 'other', code: 'OTHER', open: 1, sampleLetterIds: ['l3'] },
    ])
    expect(asOf.positions).toEqual([9, 0])
    expect((await stage.model.counts()).letters).toEqual({ open: 2, replayed: 1, discarded: 2 })
    const found = async (more: object): Promise<string[]> =>
      (await stage.model.letters({ ...anyLetter(TENANT, 10), ...more })).letters.map((entry) => entry.letterId)
    expect(await found({})).toEqual(['l5', 'l3', 'l2', 'l4', 'l1'])
    expect(await found({ order: 'oldest' })).toEqual(['l1', 'l4', 'l2', 'l3', 'l5'])
    expect(await found({ status: 'open' })).toEqual(['l3', 'l2'])
    expect(await found({ status: 'discarded' })).toEqual(['l5', 'l4'])
    expect(await found({ fingerprint: 'f1', status: 'discarded' })).toEqual(['l5', 'l4'])
    expect(await found({ flow: 'other' })).toEqual(['l3'])
    expect(await found({ code: 'BOOM', fingerprint: 'f2' })).toEqual([])
    const first = await stage.model.letters(anyLetter(TENANT, 2))
    const rest = await stage.model.letters({ ...anyLetter(TENANT, 5), cursor: first.next })
    expect(rest).toMatchObject({ letters: [{ letterId: 'l2' }, { letterId: 'l4' }, { letterId: 'l1' }], next: null })
    await expect(
      stage.model.letters({ ...anyLetter(TENANT, 5), status: 'open', cursor: first.next }),
    ).rejects.toMatchObject({ code: 'CURSOR_INVALID' })
    expect(await stage.model.getLetter(TENANT, 'l1')).toMatchObject({
      status: 'replayed',
      replayId: 'r',
      resolvedBy: 'me',
    })
    expect(await stage.model.getLetter('acme' as TenantId, 'l1')).toBeNull()
  })

  it('takes text of every kind', async () => {
    const nasty = 'a\0b \ud800 "quoted\\" \u2028 \n %_ 𝒳'
    const runId = newId()
    await stage.project(
      sample({
        runId,
        atMs: 1,
        flow: 'sample',
        metadata: { ['k\0']: 'v\0', plain: nasty },
        after: (base) => [
          { kind: 'StepCancelled', ...step(base, 'a'), reason: nasty },
          { kind: 'RunCancelled', ...base, reason: nasty, requestedBy: null },
        ],
      }),
    )
    const run = await stage.model.getRun(TENANT, runId)
    expect(run?.status).toBe('cancelled')
    expect(run?.cancelReason).toContain('"quoted\\"')
    const events = await stage.model.runEvents({ tenant: TENANT, runId, after: null, limit: 10 })
    expect(events?.events.map((event) => event.kind)).toEqual(['RunAccepted', 'StepCancelled', 'RunCancelled'])
    expect(events?.events[1]?.detail).toContain('𝒳')
  })

  it('lets go of old finished runs and resolved letters, never of open ones', async () => {
    await stage.close()
    stage = await open({ retention: { maxRuns: 10, maxAgeMs: 1_000_000 } })
    const live = newId()
    await stage.project(sample({ runId: live, atMs: 1 }))
    for (let index = 0; index < 70; index++) {
      await stage.project(
        sample({ atMs: 1000 + index, metadata: { n: index }, after: (base) => [started(base), completed(base)] }),
      )
    }
    const { runs } = await stage.model.counts()
    expect(runs.accepted).toBe(1)
    expect(runs.completed).toBeLessThanOrEqual(10 + 16)
    expect(runs.completed).toBeGreaterThanOrEqual(9)
    // The counts are those of the runs that are there.
    expect(await list({ status: 'completed' })).toMatchObject({ runs: { length: runs.completed } })
    expect(await stage.model.getRun(TENANT, live)).not.toBeNull()
    expect(idsOf(await list({ metadata: [{ key: 'n', value: '0' }] }))).toEqual([])
  })

  it('is built again while it serves', async () => {
    const before = Array.from({ length: 20 }, (_, index) =>
      completedRun({ runId: newId(index % 2), steps: 2, atMs: index }),
    )
    await stage.project(before.flat())
    const open1 = await list()
    await stage.model.rebuild()
    const after = completedRun({ runId: newId(1), steps: 1, atMs: 100 })
    await stage.append(after)
    // It serves all the time.
    while (!stage.problems.some((problem) => /built again and serves/.test(problem))) {
      expect((await list()).runs.length).toBeGreaterThanOrEqual(20)
    }
    await caughtUp(stage.log, stage.model)
    expect(idsOf(await list())).toEqual([idOf(after), ...idsOf(open1)])
    expect((await stage.model.state()).rebuilding).toBeNull()
    expect((await stage.model.counts()).runs.completed).toBe(21)
    // Once more, with a cursor from before, and it goes on being fed.
    const { next } = await list({}, { limit: 5 })
    await stage.model.rebuild()
    await expect.poll(() => stage.problems.filter((problem) => /built again and serves/.test(problem)).length).toBe(2)
    expect(idsOf(await list({}, { limit: 5, cursor: next }))).toEqual(idsOf(await list()).slice(5, 10))
    await stage.project(completedRun({ runId: newId(0), steps: 1, atMs: 200 }))
    expect((await stage.model.counts()).runs.completed).toBe(22)
  })

  it('refuses to answer once it is closed', async () => {
    await stage.model.close()
    await expect(stage.model.getRun(TENANT, newId())).rejects.toMatchObject({ code: 'READ_MODEL_CLOSED' })
  })
})
