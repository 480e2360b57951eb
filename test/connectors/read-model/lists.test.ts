import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RunId, StepId, TenantId } from '../../../schemas/ids.ts'
import type { EventRecord } from '../../../schemas/records/index.ts'
import { anyRun, type RunFilter, type RunPage, type RunQuery } from '../../../topology/read-model/lists.ts'
import { type OpenStage, openers, type Stage } from './models.ts'
import { TENANT } from './sample-events.ts'
import {
  baseOf,
  completed,
  failed,
  idOf,
  newId,
  queued,
  retrying,
  sample,
  started,
  step,
  timer,
} from './sample-runs.ts'

describe.each(await openers())('lists of the read model on %s', (_name, open: OpenStage) => {
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
})
