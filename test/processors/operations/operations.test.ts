import { describe, expect, it } from 'vitest'
import { control } from '../../../processors/control/control.ts'
import { createDlq, type DlqOptions } from '../../../processors/dlq/dlq.ts'
import { LETTERS } from '../../../processors/dlq/stores.ts'
import { ingest } from '../../../processors/ingest/ingest.ts'
import { LIST_KEPT_MS, OPERATION_ITEMS, OPERATIONS } from '../../../processors/operations/stores.ts'
import { result } from '../../../processors/result/result.ts'
import { RUNS } from '../../../processors/result/run-store.ts'
import { newRunId, type RunId, type TenantId } from '../../../schemas/ids.ts'
import { toJsonText } from '../../../schemas/json.ts'
import type { BeamlineRecord } from '../../../schemas/records/index.ts'
import type { AddOperationItems, ItemResult, StartOperation } from '../../../schemas/records/operations.ts'
import { fc } from '../../support/fast-check.ts'
import { driveTask, type Emitted, type TaskDriver } from '../../support/outcome.ts'
import { DAY_MS, discard, dlqTask, filter, REPLY_TO, replay, runIdOf, runLetter, START_MS } from '../dlq/world.ts'

const TENANT = 'acme' as TenantId
const LETTERS_ALL = filter()

function start(fields: Partial<StartOperation> = {}): StartOperation {
  return {
    kind: 'StartOperation',
    operationId: 'op-1',
    tenant: TENANT,
    action: 'replay',
    query: toJsonText({}),
    requestHash: 'h',
    ratePerSecond: 0,
    listId: 'op-1.list',
    shares: [],
    letters: LETTERS_ALL,
    requestedBy: 'ann',
    reason: 'fixed',
    replyTo: null,
    ...fields,
  }
}

/** Runs of this task, as one list in rows of `size`. */
function listed(
  ids: readonly string[],
  action: 'cancel' | 'retry' | 'rerun',
  {
    partition,
    size = 3,
    partitions = 4,
    rate = 0,
  }: { partition: number; size?: number; partitions?: number; rate?: number },
): { readonly parts: AddOperationItems[]; readonly command: StartOperation } {
  const parts: AddOperationItems[] = []
  for (let at = 0; at < ids.length; at += size) {
    const items = ids.slice(at, at + size).map((id) => ({ id, submission: null }))
    parts.push({ kind: 'AddOperationItems', operationId: 'op-1', listId: 'op-1.list', seq: parts.length, items })
  }
  const shares = Array.from({ length: partitions }, (_, own) =>
    own === partition ? { chunks: parts.length, items: ids.length } : { chunks: 0, items: 0 },
  )
  return { parts, command: start({ action, shares, letters: null, ratePerSecond: rate }) }
}

type Progress = Extract<BeamlineRecord, { readonly kind: 'OperationProgressed' }>
const progressOf = (emits: readonly Emitted[]): Progress[] =>
  emits.flatMap(({ record }) => (record.kind === 'OperationProgressed' ? [record] : []))
const resultsOf = (emits: readonly Emitted[]): ItemResult[] => progressOf(emits).flatMap(({ items }) => items)
const kinds = (emits: readonly Emitted[], kind: string) => emits.filter(({ record }) => record.kind === kind)

const letters = (count: number) => Array.from({ length: count }, (_, n) => runLetter(n))
const ids = (count: number) => Array.from({ length: count }, (_, n) => runIdOf(n) as string)

describe('an operation on dead letters', () => {
  it.each([
    ['replay', 'LetterReplayed'],
    ['discard', 'LetterDiscarded'],
  ] as const)('does %s with those that were open when it began, each once', (action, event) => {
    const task = dlqTask(letters(5), { chunk: 2 })
    task.send('dlq', start({ action }))
    task.send('dlq', runLetter(9))
    const emits = task.advance(10_000)
    expect(kinds(emits, event)).toHaveLength(5)
    expect(resultsOf(emits)).toMatchObject(ids(5).map((id) => ({ id, outcome: 'done', code: null })))
    expect(progressOf(emits).at(-1)).toMatchObject({ state: 'finished', matched: 5, done: 5, skipped: 0, failed: 0 })
    expect(task.state.rows(LETTERS).get(runIdOf(9))!.state).toBe('open')
    expect(task.state.rows(OPERATION_ITEMS).size).toBe(0)
  })

  it('passes over letters that somebody else has taken meanwhile', () => {
    const task = dlqTask(letters(4))
    task.send('dlq', start({ ratePerSecond: 0.001 }))
    task.advance(0)
    task.send('dlq', discard({ filter: filter({ letterIds: [runIdOf(2)] }) }))
    const emits = task.advance(100_000_000)
    expect(resultsOf(emits)).toContainEqual({
      id: runIdOf(2),
      outcome: 'skipped',
      code: 'LETTER_NOT_OPEN',
      newRunId: null,
    })
    expect(progressOf(emits).at(-1)).toMatchObject({ done: 3, skipped: 1, state: 'finished' })
  })

  it('tells a letter that cannot be replayed, and leaves it open', () => {
    const task = dlqTask([runLetter(0, {}, { version: 7 } as never), runLetter(1)])
    task.send('dlq', start())
    const emits = task.advance(10)
    expect(resultsOf(emits)[0]).toMatchObject({ outcome: 'failed', code: 'FLOW_VERSION_UNKNOWN' })
    expect(progressOf(emits).at(-1)).toMatchObject({ done: 1, failed: 1 })
    expect(task.state.rows(LETTERS).get(runIdOf(0))!.state).toBe('open')
  })

  it('waits while the task has no room for runs, unless it begins none', () => {
    let room = false
    const options: DlqOptions = { mayBegin: () => room }
    const task = dlqTask(letters(2), options)
    task.send('dlq', start())
    expect(resultsOf(task.advance(5_000))).toEqual([])
    room = true
    expect(resultsOf(task.advance(1_000))).toHaveLength(2)
    const discarding = dlqTask(letters(2), { mayBegin: () => false })
    discarding.send('dlq', start({ action: 'discard' }))
    expect(resultsOf(discarding.advance(100))).toHaveLength(2)
  })

  it('finishes at once where there are none', () => {
    const task = dlqTask()
    const emits = task.send('dlq', start())
    expect(progressOf(emits)).toMatchObject([{ state: 'finished', matched: 0, items: [] }])
  })
})

describe('an operation on runs', () => {
  const FLOW = { flow: 'orders', steps: [{ id: 'nap', type: 'wait', with: { for: '1h' } }] }

  function runsTask(count: number, options: DlqOptions = {}): { readonly task: TaskDriver; readonly runs: RunId[] } {
    const task = driveTask([control, result, createDlq(options), ingest], {
      partitions: 4,
      partition: 3,
      now: START_MS,
    })
    const hash = ''
    const document = toJsonText(FLOW)
    const published = {
      tenant: TENANT,
      flow: 'orders',
      version: 1,
      document,
      hash,
      publishedAtMs: 0,
      publishedBy: null,
    }
    task.send('control', { kind: 'FlowPublished', ...published })
    let random = 1
    const runs = Array.from({ length: count }, () => newRunId(3, () => (random = (random * 48271) % 0x7fffffff)))
    for (const runId of runs) task.send('ingest', submission(runId))
    return { task, runs }
  }

  const submission = (runId: RunId) =>
    ({
      kind: 'SubmitRun',
      runId,
      tenant: TENANT,
      flow: 'orders',
      version: null,
      input: toJsonText({}),
      idempotencyKey: null,
      stickyKey: null,
      priority: null,
      metadata: null,
      traceparent: null,
      replyTo: null,
      submittedAtMs: 0,
      replay: null,
    }) as const

  it('cancels those that have not ended, in parts and at its rate', () => {
    const { task, runs } = runsTask(10)
    const { parts, command } = listed([...runs.slice(0, 8), runIdOf(1)], 'cancel', { partition: 3, rate: 2 })
    for (const part of parts) task.send('dlq', part)
    task.send('result', {
      kind: 'CancelRun',
      runId: runs[0]!,
      tenant: TENANT,
      reason: null,
      requestedBy: null,
      force: false,
      replyTo: null,
    })
    task.send('dlq', command)
    const early = task.advance(1_000)
    expect(resultsOf(early).length).toBeGreaterThanOrEqual(2)
    expect(resultsOf(early).length).toBeLessThanOrEqual(3)
    const emits = [...early, ...task.advance(60_000)]
    expect(resultsOf(emits).map(({ outcome }) => outcome)).toEqual(['skipped', ...Array(7).fill('done'), 'skipped'])
    expect(kinds(emits, 'RunCancelled').map(({ record }) => (record as { runId: string }).runId)).toEqual(
      runs.slice(1, 8),
    )
    expect(kinds(emits, 'RunCancelled')[0]!.record).toMatchObject({ reason: 'fixed', requestedBy: 'ann' })
    expect([...task.state.rows(RUNS).keys()]).toEqual(runs.slice(8))
    expect(progressOf(emits).at(-1)).toMatchObject({ matched: 9, done: 7, skipped: 2, failed: 0, state: 'finished' })
  })

  it("leaves another tenant's runs alone", () => {
    const { task, runs } = runsTask(2)
    const { parts, command } = listed(runs, 'cancel', { partition: 3 })
    for (const part of parts) task.send('dlq', part)
    task.send('dlq', { ...command, tenant: 'other' as TenantId })
    expect(resultsOf(task.advance(100)).map(({ outcome }) => outcome)).toEqual(['skipped', 'skipped'])
    expect(task.state.rows(RUNS).size).toBe(2)
  })

  it('retries under the id of the single command, so that both begin one run', () => {
    const task = dlqTask(letters(2))
    task.send('dlq', replay({ replayId: `retry-${runIdOf(0)}`, filter: filter({ letterIds: [runIdOf(0)] }) }))
    task.advance(10)
    const { parts, command } = listed(ids(3), 'retry', { partition: 3 })
    for (const part of parts) task.send('dlq', part)
    task.send('dlq', command)
    const results = resultsOf(task.advance(100))
    expect(results.map(({ outcome, code }) => [outcome, code])).toEqual([
      ['skipped', 'LETTER_NOT_OPEN'],
      ['done', null],
      ['skipped', 'LETTER_NOT_KEPT'],
    ])
    expect(task.state.rows(LETTERS).get(runIdOf(1))!).toMatchObject({ replayId: `retry-${runIdOf(1)}` })
  })

  it('submits runs again under ids of their own, and says where an input was not kept', () => {
    const { task, runs } = runsTask(2)
    const again = {
      flow: 'orders',
      version: 1,
      input: toJsonText({ n: 1 }),
      stickyKey: null,
      priority: 3,
      metadata: null,
    }
    const items = [
      { id: runs[0]!, submission: again },
      { id: runs[1]!, submission: null },
    ]
    task.send('dlq', { kind: 'AddOperationItems', operationId: 'op-1', listId: 'op-1.list', seq: 0, items })
    const { command } = listed(runs, 'rerun', { partition: 3 })
    task.send('dlq', command)
    const emits = task.advance(100)
    const [first, second] = resultsOf(emits)
    expect(second).toEqual({ id: runs[1], outcome: 'failed', code: 'INPUT_NOT_KEPT', newRunId: null })
    const accepted = kinds(emits, 'RunAccepted').map(({ record }) => record)
    expect(accepted).toMatchObject([{ runId: first!.newRunId, replayOf: runs[0], replayId: 'op-1', priority: 3 }])
  })

  it('counts a part of the list that was forgotten before the start as failed', () => {
    const { task, runs } = runsTask(4)
    const { parts, command } = listed(runs, 'cancel', { partition: 3, size: 2 })
    for (const part of parts) task.send('dlq', part)
    task.advance(LIST_KEPT_MS)
    expect(task.state.rows(OPERATION_ITEMS).size).toBe(0)
    task.send('dlq', parts[1]!)
    task.send('dlq', command)
    expect(progressOf(task.advance(100)).at(-1)).toMatchObject({ state: 'finished', matched: 4, failed: 4 - 2 })
  })

  it('keeps the list of an operation that takes longer than lists are kept', () => {
    const { task, runs } = runsTask(6)
    const { parts, command } = listed(runs, 'cancel', { partition: 3, size: 1, rate: 1 / 40_000 })
    for (const part of parts) task.send('dlq', part)
    task.send('dlq', command)
    expect(resultsOf(task.advance(5 * 40_000_000))).toHaveLength(6)
  })
})

describe('the task of partition 0', () => {
  const first = () => driveTask([control, createDlq()], { partitions: 3, partition: 0, now: START_MS })

  it('tells every other partition and answers, once', () => {
    const task = first()
    const emits = task.send('dlq', start({ replyTo: REPLY_TO }))
    const copies = kinds(emits, 'StartOperation')
    expect(copies.map(({ topic, partition }) => [topic, partition])).toEqual([
      ['dlq', 1],
      ['dlq', 2],
    ])
    expect(copies.every(({ record }) => (record as StartOperation).replyTo === null)).toBe(true)
    expect(kinds(emits, 'OperationStarted')[0]!.record).toMatchObject({
      partitions: 3,
      action: 'replay',
      requestedBy: 'ann',
    })
    expect(task.send('dlq', start({ replyTo: REPLY_TO }))).toEqual([])
    task.send('dlq', start({ replyTo: REPLY_TO, requestHash: 'other' }))
    expect(task.replies.map(({ ok, code }) => [ok, code])).toEqual([
      [true, 'started'],
      [true, 'known'],
      [false, 'differs'],
    ])
  })

  it('forgets the operation after its retention', () => {
    const task = first()
    task.send('dlq', start())
    task.advance(14 * DAY_MS)
    expect(task.state.rows(OPERATIONS).size).toBe(0)
  })

  it('drops parts of the list of a second try', () => {
    const task = first()
    const { parts, command } = listed(ids(2), 'cancel', { partition: 0, partitions: 3 })
    task.send('dlq', parts[0]!)
    task.send('dlq', command)
    task.send('dlq', { ...parts[0]!, listId: 'op-1.again' })
    expect([...task.state.rows(OPERATION_ITEMS).keys()]).toEqual(['op-1.list/0'])
  })

  it.each([
    [{}, true, 'stopping'],
    [{ tenant: 'other' as TenantId }, false, 'operation_unknown'],
    [{ operationId: 'op-2' }, false, 'operation_unknown'],
  ])('answers a stop of %j', (fields, ok, code) => {
    const task = first()
    task.send('dlq', start())
    const emits = task.send('dlq', {
      kind: 'StopOperation',
      operationId: 'op-1',
      tenant: TENANT,
      replyTo: REPLY_TO,
      ...fields,
    })
    expect(task.replies.at(-1)).toMatchObject({ ok, code })
    expect(kinds(emits, 'StopOperation')).toHaveLength(ok ? 2 : 0)
  })
})

describe('a stop', () => {
  it('ends the operation where it is, and a second one changes nothing', () => {
    const task = dlqTask(letters(10))
    task.send('dlq', start({ ratePerSecond: 4, shares: [0, 0, 0, 10].map((items) => ({ chunks: 0, items })) }))
    const before = task.advance(500)
    const stop = { kind: 'StopOperation', operationId: 'op-1', tenant: TENANT, replyTo: null } as const
    const stopped = task.send('dlq', stop)
    const { length } = resultsOf(before)
    expect(length).toBeGreaterThan(0)
    expect(progressOf(stopped)).toMatchObject([{ state: 'stopped', done: length, matched: 10 }])
    expect(task.send('dlq', stop)).toEqual([])
    expect(progressOf(task.advance(60_000))).toEqual([])
    expect(task.state.rows(OPERATION_ITEMS).size).toBe(0)
    expect([...task.state.rows(LETTERS).values()].filter((row) => row.state === 'open')).toHaveLength(10 - length)
  })
})

describe('any operation', () => {
  it('does each item once, says of all of them, and never more in a second than its rate', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom(0, 0.5, 3, 25, 400),
        fc.array(fc.integer({ min: 1, max: 700 }), { maxLength: 6 }),
        (count, size, chunk, rate, pauses) => {
          const task = dlqTask(letters(count), { chunk })
          const { parts, command } = listed(ids(count), 'retry', { partition: 3, size, rate })
          for (const part of parts) task.send('dlq', part)
          const told = [...task.send('dlq', command)]
          for (const ms of pauses) told.push(...task.advance(ms), ...task.send('dlq', command))
          told.push(...task.advance(200_000))
          const progress = progressOf(told)
          expect(resultsOf(told).map(({ id }) => id)).toEqual(ids(count))
          expect(progress.at(-1)).toMatchObject({ state: 'finished', matched: count, done: count })
          expect(kinds(told, 'LetterReplayed')).toHaveLength(count)
          if (rate === 0) return
          for (const { atMs } of progress) {
            const within = progress.filter((other) => other.atMs >= atMs && other.atMs < atMs + 1000)
            expect(within.reduce((sum, { items }) => sum + items.length, 0)).toBeLessThanOrEqual(Math.ceil(rate) + 1)
          }
        },
      ),
      { numRuns: 200 },
    )
  })
})
