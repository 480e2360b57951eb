import { describe, expect, it } from 'vitest'
import { type BulkDependencies, createBulkOperations } from '../../gateway/bulk-operations.ts'
import { findRuns, itemsOf, MAX_BYTES, MAX_ITEMS } from '../../gateway/operation-runs.ts'
import { homeOf, newRunId, type RunId, type TenantId } from '../../schemas/ids.ts'
import { toJsonText } from '../../schemas/json.ts'
import type { OperationItem } from '../../schemas/records/operations.ts'
import { anyRun, type RunQuery } from '../../topology/read-model/lists.ts'
import type { ReadModel, RunSummary, RunView } from '../../topology/read-model/port.ts'

const TENANT = 'acme' as TenantId
const FILTER = anyRun(TENANT)
let random = 7
const newId = (n: number): RunId => newRunId(n & 0xffff, () => (random = (random * 48271) % 0x7fffffff))

/** A read model that has so many runs of each status; a `moved` one shows up as accepted and as running. */
function modelOf(counts: { readonly [status: string]: number }, moved = 0) {
  const asked: RunQuery[] = []
  const byStatus = new Map(
    Object.entries(counts).map(([status, n]) => [status, Array.from({ length: n }, (_, i) => newId(i))]),
  )
  byStatus.get('running')?.unshift(...(byStatus.get('accepted')?.slice(0, moved) ?? []))
  const listRuns = async (query: RunQuery) => {
    asked.push(query)
    const ids = byStatus.get(query.filter.status!) ?? []
    const from = Number(query.cursor ?? 0)
    const page = ids.slice(from, from + query.limit)
    const next = from + query.limit < ids.length ? String(from + query.limit) : null
    return {
      runs: page.map((runId) => ({ runId }) as RunSummary),
      next,
      cutShort: false,
      asOf: { positions: [], eventMs: null },
    }
  }
  return { asked, byStatus, model: { listRuns } as unknown as ReadModel }
}

describe('runs of an operation', () => {
  it('are all that the filter finds in statuses that the action can be done to, each once', async () => {
    const { model, asked } = modelOf({ accepted: 1_500, running: 2_100, completed: 9 }, 10)
    const found = await findRuns(model, 'cancel', FILTER, 5_000)
    expect(found.ids).toHaveLength(3_600)
    expect(new Set(found.ids).size).toBe(3_600)
    expect(found).toMatchObject({ complete: true, sample: { length: 20 } })
    expect(new Set(asked.map(({ filter }) => filter.status))).toEqual(new Set(['accepted', 'running']))
    expect(asked.every(({ filter }) => filter.accepted?.toMs === 5_001)).toBe(true)
  })

  it('are those of one status where one is asked for, and accepted before the operation', async () => {
    const { model, asked } = modelOf({ failed: 2, timed_out: 3 })
    const accepted = { fromMs: 10, toMs: 20 }
    const found = await findRuns(model, 'retry', { ...FILTER, status: 'timed_out', accepted }, 5_000)
    expect(found.ids).toHaveLength(3)
    expect(asked.map(({ filter }) => filter.accepted)).toEqual([accepted])
  })

  it('are no more than one operation takes', async () => {
    const { model } = modelOf({ completed: MAX_ITEMS.rerun + 1 })
    expect(await findRuns(model, 'rerun', FILTER, 0)).toMatchObject({
      complete: false,
      ids: { length: MAX_ITEMS.rerun },
    })
    const operations = createBulkOperations({
      log: { partitions: 4 },
      environment: { now: () => 0, randomU32: () => 1 },
      readModel: { ...model, operations: async () => ({ operations: [] }) },
    } as unknown as BulkDependencies)
    const asked = { kind: 'runs', action: 'rerun', filter: FILTER, query: {} } as const
    const request = { tenant: TENANT, asked, ratePerSecond: 0, requestedBy: null, reason: null, idempotencyKey: null }
    await expect(operations.start(request)).rejects.toMatchObject({
      code: 'invalid_request',
      details: { code: 'TOO_MANY_ITEMS', most: MAX_ITEMS.rerun },
    })
  })
})

describe('items of an operation', () => {
  const ids = Array.from({ length: 3_000 }, (_, n) => newId(n))

  async function collected(action: 'cancel' | 'rerun', some: readonly RunId[], input: RunView['input'] = null) {
    const run = { flow: 'a', version: 2, stickyKey: null, priority: 5, metadata: null, input }
    const model = { getRun: async () => run } as unknown as ReadModel
    const parts: { partition: number; items: readonly OperationItem[] }[] = []
    for await (const part of itemsOf(model, TENANT, action, some, 4)) parts.push(part)
    return parts
  }

  it('go to the homes of their runs, in parts', async () => {
    const parts = await collected('cancel', ids)
    expect(parts.flatMap(({ items }) => items.map(({ id }) => id)).toSorted()).toEqual(ids.toSorted())
    for (const { partition, items } of parts) {
      expect(items.length).toBeLessThanOrEqual(500)
      expect(items.every(({ id, submission }) => homeOf(id as RunId, 4) === partition && submission === null)).toBe(
        true,
      )
    }
  })

  it('carry what is to be submitted again, in parts of a bounded size', async () => {
    const text = toJsonText('x'.repeat(100_000))
    const parts = await collected('rerun', ids.slice(0, 40), { kind: 'text', text })
    expect(parts.every(({ items }) => items.length <= 2)).toBe(true)
    expect(parts[0]!.items[0]!.submission).toEqual({
      flow: 'a',
      version: 2,
      input: text,
      stickyKey: null,
      priority: 5,
      metadata: null,
    })
    const omitted = await collected('rerun', ids.slice(0, 1), { kind: 'omitted', sizeBytes: 5 })
    expect(omitted[0]!.items[0]!.submission).toBeNull()
  })

  it('are refused when their inputs are too large together', async () => {
    const text = toJsonText('x'.repeat(1 << 20))
    const some = ids.slice(0, 65)
    await expect(collected('rerun', some, { kind: 'text', text })).rejects.toMatchObject({
      code: 'invalid_request',
      details: { code: 'TOO_LARGE', most: MAX_BYTES },
    })
  })
})
