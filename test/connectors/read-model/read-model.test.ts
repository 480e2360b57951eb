import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RunId, StepId, TenantId } from '../../../schemas/ids.ts'
import { toJsonText } from '../../../schemas/json.ts'
import type { EventRecord } from '../../../schemas/records/index.ts'
import { anyLetter, anyRun, type RunFilter, type RunPage, type RunQuery } from '../../../topology/read-model/lists.ts'
import { caughtUp, type OpenStage, openers, type Stage } from './models.ts'
import { completedRun, numbers, sampleRunId, TENANT } from './sample-events.ts'

const error = { code: 'BOOM', message: 'it broke', class: 'transient', retryAfterMs: null, detail: null } as const
const random = numbers(41)
const newId = (partition = 0): RunId => sampleRunId(partition, random)

interface Sample {
  readonly runId?: RunId
  readonly tenant?: TenantId
  readonly atMs: number
  readonly flow?: string
  readonly version?: number
  readonly metadata?: object
  /** What follows the acceptance. */
  readonly after?: (base: Base) => readonly EventRecord[]
}

type Base = ReturnType<typeof baseOf>
const baseOf = (runId: RunId, tenant: TenantId, atMs: number) => ({
  runId,
  tenant,
  atMs,
  causeTopic: 'ingest',
  causeOffset: 7,
})

function sample({ runId = newId(), tenant = TENANT, atMs, flow = 'sample', version = 1, metadata, after }: Sample) {
  const base = baseOf(runId, tenant, atMs)
  const [accepted] = completedRun({ runId, steps: 0, atMs })
  const given = metadata === undefined ? null : toJsonText(metadata)
  const first = { ...accepted!, ...base, flow, version, metadata: given } as EventRecord
  return [first, ...(after?.(base) ?? [])]
}

const step = (base: Base, stepId: string) => ({ ...base, stepId: stepId as StepId, attempt: 1 })
const started = (base: Base, id = 'a'): EventRecord => ({
  kind: 'StepStarted',
  ...step(base, id),
  pool: 'io',
  poolPartition: 0,
})
const retrying = (base: Base, id = 'a'): EventRecord => ({
  kind: 'StepRetrying',
  ...step(base, id),
  error,
  retryAtMs: base.atMs + 500,
})
const queued = (base: Base, reason: 'rate' | 'worker', id = 'a'): EventRecord => ({
  kind: 'StepQueued',
  ...step(base, id),
  pool: 'cpu',
  reason,
})
const timer = (base: Base, id = 'a'): EventRecord => ({
  kind: 'StepWaiting',
  ...step(base, id),
  waitsFor: 'timer',
  untilMs: base.atMs + 9_000,
})
const failed = (base: Base, code = 'BOOM', tookMs = 10): EventRecord => ({
  kind: 'RunFailed',
  ...base,
  atMs: base.atMs + tookMs,
  error: { ...error, code },
  failedStep: null,
  letterId: null,
})
const completed = (base: Base, tookMs = 10): EventRecord => ({
  kind: 'RunCompleted',
  ...base,
  atMs: base.atMs + tookMs,
  output: toJsonText({}),
})
const letter = (letterId: string, atMs: number, more: object = {}): EventRecord =>
  ({
    kind: 'LetterStored',
    letterId,
    tenant: TENANT,
    fingerprint: 'f1',
    atMs,
    causeTopic: 'result',
    causeOffset: 1,
    category: 'step_failed',
    error,
    runId: null,
    flow: 'sample',
    stepId: null,
    topic: 'result',
    partition: 0,
    offset: 3,
    parentLetterId: null,
    ...more,
  }) as EventRecord

const idOf = (events: readonly EventRecord[]): RunId => (events[0] as { readonly runId: RunId }).runId

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

  describe('lists', () => {
    const done = sample({ atMs: 1000, after: (base) => [completed(base, 500)] })
    const broken = sample({ atMs: 2000, flow: 'other', after: (base) => [failed(base, 'HTTP_500', 100)] })
    const retries = sample({ atMs: 3000, after: (base) => [started(base), retrying(base)] })
    const waitsForSlot = sample({ atMs: 4000, after: (base) => [queued(base, 'rate', 'b'), queued(base, 'rate', 'c')] })
    const waitsForWorker = sample({ atMs: 5000, version: 2, after: (base) => [queued(base, 'worker')] })
    const sleeps = sample({
      atMs: 6000,
      runId: newId(1),
      metadata: { order: 'o-1', urgent: true, n: 7, list: [1] },
      after: (base) => [timer(base)],
    })
    const ordered = sample({ atMs: 7000, metadata: { order: 'o-1' } })
    const foreign = sample({ atMs: 8000, tenant: 'acme' as TenantId, after: (base) => [completed(base)] })
    const all = [done, broken, retries, waitsForSlot, waitsForWorker, sleeps, ordered, foreign]

    const rows: [Partial<RunFilter>, (readonly EventRecord[])[]][] = [
      [{}, [ordered, sleeps, waitsForWorker, waitsForSlot, retries, broken, done]],
      [{ tenant: 'acme' as TenantId }, [foreign]],
      [{ status: 'completed' }, [done]],
      [{ status: 'failed' }, [broken]],
      [{ status: 'failed', flow: 'sample' }, []],
      [{ status: 'completed', flow: 'sample' }, [done]],
      [{ flow: 'other' }, [broken]],
      [{ flow: 'sample', version: 2 }, [waitsForWorker]],
      [{ version: 2 }, [waitsForWorker]],
      [{ waitingFor: 'retry' }, [retries]],
      [{ waitingFor: 'slot' }, [waitsForSlot]],
      [{ waitingFor: 'worker' }, [waitsForWorker]],
      [{ waitingFor: 'timer' }, [sleeps]],
      [{ waitingFor: 'signal' }, []],
      [{ waitingStep: 'a' as StepId }, [sleeps, waitsForWorker, retries]],
      [{ waitingStep: 'a' as StepId, waitingFor: 'worker' }, [waitsForWorker]],
      [{ waitingStep: 'c' as StepId }, [waitsForSlot]],
      [{ waitingFor: 'timer', flow: 'other' }, []],
      [{ waitingFor: 'timer', metadata: [{ key: 'order', value: 'o-1' }] }, [sleeps]],
      [{ metadata: [{ key: 'order', value: 'o-1' }] }, [ordered, sleeps]],
      [{ metadata: [{ key: 'order', value: 'o-2' }] }, []],
      [
        {
          metadata: [
            { key: 'order', value: 'o-1' },
            { key: 'urgent', value: 'true' },
          ],
        },
        [sleeps],
      ],
      [{ metadata: [{ key: 'n', value: '7' }], flow: 'sample' }, [sleeps]],
      [{ errorCode: 'HTTP_500' }, [broken]],
      [{ errorCode: 'HTTP_500', status: 'failed', flow: 'other' }, [broken]],
      [{ errorCode: 'HTTP_404' }, []],
      [{ accepted: { fromMs: 3000, toMs: 5000 } }, [waitsForSlot, retries]],
      [{ accepted: { fromMs: null, toMs: 2000 } }, [done]],
      [{ accepted: { fromMs: 6000, toMs: null }, flow: 'sample' }, [ordered, sleeps]],
      [{ finished: { fromMs: null, toMs: null } }, [broken, done]],
      [{ finished: { fromMs: 1501, toMs: null } }, [broken]],
      [{ finished: { fromMs: 1500, toMs: 1501 } }, [done]],
      [{ finished: { fromMs: null, toMs: null }, accepted: { fromMs: 1500, toMs: null } }, [broken]],
      [{ finished: { fromMs: null, toMs: null }, waitingFor: 'timer' }, []],
      [{ finished: { fromMs: null, toMs: null }, errorCode: 'HTTP_500', status: 'failed' }, [broken]],
    ]
    it('finds runs by filters, in both orders, page by page, and counts them', async () => {
      await stage.project(all.flat())
      for (const [filter, expected] of rows) await expectFound(filter, expected)
    })

    const expectFound = async (filter: Partial<RunFilter>, expected: readonly (readonly EventRecord[])[]) => {
      const page = await list(filter)
      expect(idsOf(page), JSON.stringify(filter)).toEqual(expected.map(idOf))
      expect(page).toMatchObject({ next: null, cutShort: false, asOf: { positions: [15, 2], eventMs: 8010 } })
      const oldest = await list(filter, { order: 'oldest' })
      expect(idsOf(oldest)).toEqual(expected.map(idOf).reverse())
      // Page by page it is the same.
      const paged: RunId[] = []
      let cursor: string | null = null
      do {
        const part: RunPage = await list(filter, { limit: 1, cursor })
        expect(part.runs.length).toBeLessThanOrEqual(1)
        paged.push(...idsOf(part))
        cursor = part.next
      } while (cursor !== null)
      expect(paged).toEqual(expected.map(idOf))
      const { counts, complete } = await stage.model.countRuns({ ...anyRun(TENANT), ...filter })
      expect(complete).toBe(true)
      expect(Object.values(counts).reduce((sum, count) => sum + count)).toBe(expected.length)
    }

    it('counts by status', async () => {
      await stage.project(all.flat())
      expect(await stage.model.countRuns(anyRun(TENANT))).toMatchObject({
        counts: { accepted: 3, running: 2, completed: 1, failed: 1, cancelled: 0, timed_out: 0 },
        complete: true,
      })
      expect((await stage.model.countRuns({ ...anyRun(TENANT), flow: 'other' })).counts).toMatchObject({ failed: 1 })
    })

    it('forgets what a run waited for when it goes on', async () => {
      await stage.project(all.flat())
      const base = baseOf(idOf(sleeps), TENANT, 9000)
      await stage.project([{ kind: 'StepCancelled', ...step(base, 'a'), reason: 'run_cancelled' }, completed(base)])
      expect(idsOf(await list({ waitingFor: 'timer' }))).toEqual([])
      expect(idsOf(await list({ waitingStep: 'a' as StepId }))).toEqual([waitsForWorker, retries].map(idOf))
    })

    it('names the tenants', async () => {
      await stage.project(all.flat())
      expect(await stage.model.tenants(null, 10)).toMatchObject({
        tenants: [
          { tenant: 'acme', runs: { completed: 1 } },
          { tenant: TENANT, runs: { failed: 1, running: 2 } },
        ],
        more: false,
      })
      expect(await stage.model.tenants(null, 1)).toMatchObject({ tenants: [{ tenant: 'acme' }], more: true })
      expect((await stage.model.tenants('acme' as TenantId, 1)).tenants).toMatchObject([{ tenant: TENANT }])
    })

    it('refuses cursors that are forged, altered or of another query', async () => {
      await stage.project(all.flat())
      const { next } = await list({}, { limit: 2 })
      const altered = `${next!.slice(0, -2)}${next!.endsWith('A') ? 'BB' : 'AA'}`
      const refused: [string, Partial<RunFilter>, Partial<RunQuery>][] = [
        [next!, { flow: 'sample' }, {}],
        [next!, { tenant: 'acme' as TenantId }, {}],
        [next!, {}, { order: 'oldest' }],
        [altered, {}, {}],
        ['', {}, {}],
        ['x', {}, {}],
        ['A'.repeat(10_000), {}, {}],
        [Buffer.from('000000000000:1.x').toString('base64url'), {}, {}],
      ]
      for (const [cursor, filter, query] of refused) {
        await expect(list(filter, { ...query, cursor })).rejects.toMatchObject({
          code: 'CURSOR_INVALID',
          message: expect.stringMatching(/expected the 'next' of an earlier answer/),
        })
      }
      expect(idsOf(await list({}, { cursor: next }))).toHaveLength(5)
    })

    it('goes on where it was while runs come and go', async () => {
      await stage.project(all.flat())
      const first = await list({}, { limit: 2 })
      await stage.project(sample({ atMs: 9000 }))
      const second = await list({}, { limit: 2, cursor: first.next })
      expect(idsOf(second)).toEqual([waitsForWorker, waitsForSlot].map(idOf))
    })
  })

  it('looks at a bounded number of runs for a page, and says so', async () => {
    const rare = [10, 3_000, 6_500].map((atMs) => sample({ atMs, version: 2 }))
    const many = Array.from({ length: 6_999 }, (_, index) => sample({ atMs: index }))
    await stage.project([...many, ...rare].flat())
    for (const order of ['newest', 'oldest'] as const) {
      const found: RunId[] = []
      let cursor: string | null = null
      let cut = 0
      do {
        const page: RunPage = await list({ version: 2 }, { order, cursor })
        found.push(...idsOf(page))
        if (page.cutShort) cut++
        expect(page.cutShort).toBe(page.next !== null)
        cursor = page.next
      } while (cursor !== null)
      const expected = rare.map(idOf)
      expect(found).toEqual(order === 'oldest' ? expected : expected.reverse())
      expect(cut).toBe(1)
    }
    expect(await stage.model.countRuns({ ...anyRun(TENANT), errorCode: 'NONE' })).toMatchObject({ complete: true })
    const { counts, complete } = await stage.model.countRuns({
      ...anyRun(TENANT),
      accepted: { fromMs: 0, toMs: 9_000 },
    })
    expect({ complete, accepted: counts.accepted }).toEqual({ complete: false, accepted: 5_000 })
  })

  it('keeps places among runs of one instant', async () => {
    const runs = Array.from({ length: 9 }, (_, index) => sample({ atMs: 5, runId: newId(index % 2) }))
    await stage.project(runs.flat())
    const found: RunId[] = []
    let cursor: string | null = null
    do {
      const page: RunPage = await list({}, { limit: 2, cursor })
      found.push(...idsOf(page))
      cursor = page.next
    } while (cursor !== null)
    expect(found.sort()).toEqual(runs.map(idOf).sort())
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
    // Asked for twice, it is done once.
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
    await expect.poll(() => stage.problems.filter((problem) => /and serves/.test(problem)).length).toBe(2)
    expect(idsOf(await list({}, { limit: 5, cursor: next }))).toEqual(idsOf(await list()).slice(5, 10))
    await stage.project(completedRun({ runId: newId(0), steps: 1, atMs: 200 }))
    expect((await stage.model.counts()).runs.completed).toBe(22)
  })

  it('refuses to answer once it is closed', async () => {
    await stage.model.close()
    await expect(stage.model.getRun(TENANT, newId())).rejects.toMatchObject({ code: 'READ_MODEL_CLOSED' })
  })
})
