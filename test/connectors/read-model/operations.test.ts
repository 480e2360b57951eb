import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeRecord } from '../../../schemas/codec/wire.ts'
import type { RunId, TenantId } from '../../../schemas/ids.ts'
import { toJsonText } from '../../../schemas/json.ts'
import type { BeamlineRecord } from '../../../schemas/records/index.ts'
import type { ItemResult } from '../../../schemas/records/operations.ts'
import type { OperationItemPage } from '../../../topology/read-model/operations.ts'
import { caughtUp, type OpenStage, openers, PARTITIONS, type Stage } from './models.ts'
import { completedRun, numbers, sampleRunId, TENANT } from './sample-events.ts'

const random = numbers(77)

function started(operationId: string, atMs: number, fields: object = {}): BeamlineRecord {
  return {
    kind: 'OperationStarted',
    operationId,
    tenant: TENANT,
    action: 'cancel',
    query: toJsonText({ flow: 'a' }),
    requestHash: 'h',
    ratePerSecond: 2.5,
    partitions: PARTITIONS,
    requestedBy: 'ann',
    reason: null,
    atMs,
    causeTopic: 'dlq',
    causeOffset: 3,
    ...fields,
  }
}

type State = 'running' | 'stopped' | 'finished'

function progressed(operationId: string, atMs: number, state: State, numbersOf: number[], items: ItemResult[] = []) {
  const [matched = 0, done = 0, skipped = 0, failed = 0] = numbersOf
  const said = { state, matched, done, skipped, failed, items, atMs, causeTopic: 'timer', causeOffset: 0 }
  return { kind: 'OperationProgressed', operationId, tenant: TENANT, ...said } as const
}

const item = (id: string, outcome: ItemResult['outcome'] = 'done', rest: Partial<ItemResult> = {}): ItemResult => ({
  id,
  outcome,
  code: null,
  newRunId: null,
  ...rest,
})

async function append(stage: Stage, partition: number, records: readonly BeamlineRecord[]): Promise<void> {
  await stage.log.append(
    records.map((message) => ({
      topic: 'events',
      partition,
      key: null,
      value: encodeRecord(message),
      headers: null,
      handled: false,
      message,
    })),
  )
  await caughtUp(stage.log, stage.model)
}

describe.each(await openers())('bulk operations in the read model on %s', (_name, open: OpenStage) => {
  let stage: Stage
  beforeEach(async () => {
    stage = await open()
  })
  afterEach(async () => {
    expect(stage.problems).toEqual([])
    await stage.close()
  })

  const show = (id: string) => stage.model.getOperation(TENANT, id)
  const items = (operationId: string, more: object = {}) =>
    stage.model.operationItems({ tenant: TENANT, operationId, outcome: null, limit: 100, cursor: null, ...more })

  it('adds up what the tasks say, in whatever order it comes', async () => {
    await append(stage, 1, [progressed('op', 2_000, 'running', [3, 1], [item('a')])])
    expect(await show('op')).toBeNull()
    await append(stage, 0, [started('op', 1_000)])
    expect(await show('op')).toEqual({
      operationId: 'op',
      tenant: TENANT,
      action: 'cancel',
      query: '{"flow":"a"}',
      requestHash: 'h',
      ratePerSecond: 2.5,
      requestedBy: 'ann',
      reason: null,
      status: 'running',
      startedAtMs: 1_000,
      endedAtMs: null,
      offset: 0,
      matched: 3,
      done: 1,
      skipped: 0,
      failed: 0,
    })
    await append(stage, 1, [
      progressed('op', 3_000, 'finished', [3, 1, 1, 1], [item('b', 'skipped'), item('c', 'failed')]),
    ])
    expect(await show('op')).toMatchObject({ status: 'running', done: 1, skipped: 1, failed: 1 })
    await append(stage, 0, [progressed('op', 2_500, 'finished', [0])])
    expect(await show('op')).toMatchObject({ status: 'finished', endedAtMs: 3_000, matched: 3 })
    expect(await stage.model.getOperation('other' as TenantId, 'op')).toBeNull()
    expect(await stage.model.getOperation(TENANT, 'no\0thing')).toBeNull()
  })

  it('is stopped if one task has been stopped', async () => {
    await append(stage, 0, [started('op', 1_000), progressed('op', 1_000, 'finished', [2, 2], [item('a'), item('b')])])
    await append(stage, 1, [progressed('op', 1_100, 'stopped', [2, 1], [item('c')])])
    expect(await show('op')).toMatchObject({ status: 'stopped', matched: 4, done: 3, endedAtMs: 1_100 })
  })

  it('lists items page by page, each once, with where their runs are now', async () => {
    const [old, later] = [sampleRunId(0, random), sampleRunId(1, random)] as [RunId, RunId]
    await stage.project([
      ...completedRun({ runId: old, steps: 1, atMs: 10 }),
      ...completedRun({ runId: later, steps: 0, atMs: 20 }).slice(0, 1),
    ])
    const first = [
      item(old),
      item('letter-1', 'skipped', { code: 'LETTER_NOT_OPEN' }),
      item('x', 'done', { newRunId: later }),
    ]
    const rest = Array.from({ length: 7 }, (_, n) => item(`y-${n}`))
    await append(stage, 0, [started('op', 1_000), progressed('op', 1_000, 'running', [5, 2, 1], first)])
    await append(stage, 1, [progressed('op', 1_000, 'finished', [7, 7], rest)])
    const ids: string[] = []
    for (let cursor: string | null = null, page = 0; page === 0 || cursor !== null; page++) {
      const answer: OperationItemPage = (await items('op', { limit: 4, cursor }))!
      ids.push(...answer.items.map(({ id }) => id))
      cursor = answer.next
    }
    expect(ids).toEqual([...first, ...rest].map(({ id }) => id))
    const all = (await items('op'))!
    expect(all.items.slice(0, 3)).toEqual([
      { id: old, atMs: 1_000, outcome: 'done', code: null, newRunId: null, runStatus: 'completed' },
      { id: 'letter-1', atMs: 1_000, outcome: 'skipped', code: 'LETTER_NOT_OPEN', newRunId: null, runStatus: null },
      { id: 'x', atMs: 1_000, outcome: 'done', code: null, newRunId: later, runStatus: 'accepted' },
    ])
    expect((await items('op', { outcome: 'skipped' }))!.items.map(({ id }) => id)).toEqual(['letter-1'])
    expect(await items('none')).toBeNull()
    const { next } = (await items('op', { limit: 2 }))!
    await expect(items('op', { cursor: next, outcome: 'done' })).rejects.toMatchObject({ code: 'CURSOR_INVALID' })
  })

  it('lists operations, the latest first', async () => {
    const actions = ['cancel', 'replay'] as const
    const all = Array.from({ length: 6 }, (_, n) => started(`op-${n}`, 1_000 + (n >> 1), { action: actions[n % 2]! }))
    await append(stage, 0, [...all, started('op-x', 5_000, { tenant: 'other' })])
    const page = (more: object) =>
      stage.model.operations({ tenant: TENANT, action: null, limit: 4, cursor: null, ...more })
    const first = await page({})
    const second = await page({ cursor: first.next })
    const ids = [...first.operations, ...second.operations].map(({ operationId }) => operationId)
    expect(ids).toEqual(['op-5', 'op-4', 'op-3', 'op-2', 'op-1', 'op-0'])
    expect(second.next).toBeNull()
    expect((await page({ action: 'replay' })).operations.map(({ operationId }) => operationId)).toEqual([
      'op-5',
      'op-3',
      'op-1',
    ])
    await expect(page({ cursor: first.next, action: 'replay' })).rejects.toMatchObject({ code: 'CURSOR_INVALID' })
  })

  it('is the same after it was built again', async () => {
    await append(stage, 0, [started('op', 1_000), progressed('op', 1_000, 'finished', [1, 1], [item('a')])])
    await append(stage, 1, [progressed('op', 1_500, 'finished', [1, 1], [item('b')])])
    const before = [await show('op'), (await items('op'))!.items]
    await stage.model.rebuild()
    await expect.poll(async () => (await stage.model.state()).rebuilding).toBeNull()
    expect([await show('op'), (await items('op'))!.items]).toEqual(before)
    stage.problems.length = 0
  })

  it('lets go of old ones that have ended, with all their items', async () => {
    await stage.close()
    stage = await open({ retention: { maxAgeMs: 1_000 } })
    const many = Array.from({ length: 2_500 }, (_, n) => item(`i-${n}`))
    await append(stage, 0, [started('old', 1_000), progressed('old', 1_000, 'finished', [2_500, 2_500], many)])
    await append(stage, 0, [started('open', 1_000), progressed('open', 1_000, 'running', [1])])
    await append(stage, 1, [progressed('old', 1_000, 'finished', [0]), progressed('open', 1_000, 'finished', [0])])
    for (let n = 0; n < 100 && (await show('old')) !== null; n++) {
      await stage.project(completedRun({ runId: sampleRunId(0, random), steps: 0, atMs: 5_000 + n }))
    }
    expect(await show('old')).toBeNull()
    expect(await show('open')).toMatchObject({ status: 'running' })
    // nothing of it is left for one that comes under the same id
    await append(stage, 0, [started('old', 6_000)])
    expect(await show('old')).toMatchObject({ status: 'running', matched: 0 })
    expect((await items('old'))!.items).toEqual([])
  })
})
