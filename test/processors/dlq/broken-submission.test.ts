import { describe, expect, it } from 'vitest'
import { control } from '../../../processors/control/control.ts'
import { createDlq } from '../../../processors/dlq/dlq.ts'
import { replayLetter } from '../../../processors/dlq/replay-action.ts'
import { LETTERS } from '../../../processors/dlq/stores.ts'
import { ingest } from '../../../processors/ingest/ingest.ts'
import { IDEMPOTENCY, RECENT_RUNS } from '../../../processors/ingest/known-runs.ts'
import { NEW_RUN_HEADER } from '../../../processors/ingest/refusal.ts'
import { RUNS, type RunHead } from '../../../processors/result/run-store.ts'
import { encodeRecord } from '../../../schemas/codec/wire.ts'
import { newRunId, type RunId, type TenantId } from '../../../schemas/ids.ts'
import { toJsonText } from '../../../schemas/json.ts'
import type { DeadLetter } from '../../../schemas/records/dlq.ts'
import type { SubmitRun } from '../../../schemas/records/ingest.ts'
import { driveTask, type TaskDriver, TestTurn } from '../../support/outcome.ts'
import { filter, letterIds, recordLetter, START_MS } from './world.ts'

const HOME = 3
const RUN = newRunId(HOME, () => 5)
const ACME = 'acme' as TenantId

function submission(fields: Partial<SubmitRun> = {}): SubmitRun {
  return {
    kind: 'SubmitRun',
    runId: RUN,
    tenant: ACME,
    flow: 'orders',
    version: null,
    input: toJsonText({}),
    idempotencyKey: null,
    stickyKey: null,
    priority: null,
    metadata: null,
    traceparent: null,
    replyTo: null,
    submittedAtMs: START_MS,
    replay: null,
    ...fields,
  }
}

function letterOf(value: Uint8Array, fields: Partial<DeadLetter> = {}, headers = {}): DeadLetter {
  const record = { key: null, value: Buffer.from(value), headers }
  return recordLetter(1, { category: 'record_poison', record, ...fields })
}

function task(partition = HOME): TaskDriver {
  return driveTask([control, ingest, createDlq()], { partitions: 4, partition, now: START_MS })
}

const known = { tenant: ACME, bodyHash: '', expiresAtMs: START_MS + 1 }
const goesOn = (t: TaskDriver) => t.state.set(RUNS, RUN, { tenant: ACME } as RunHead)

const poison = () => letterOf(encodeRecord(submission()))
const kinds = (emits: readonly { readonly record: { readonly kind: string } }[]) =>
  emits.map(({ record }) => record.kind)

describe('a submission that broke', () => {
  const wrongPriority = submission({ priority: 77 })
  const json = (fields: object) => Buffer.from(JSON.stringify({ flow: 'orders', tenant: 'acme', input: {}, ...fields }))
  it.each<readonly [string, DeadLetter, RunId | null]>([
    ['made its processor throw', poison(), RUN],
    ['as JSON', letterOf(json({ run_id: RUN })), RUN],
    [
      'has the form of one but wrong fields',
      letterOf(encodeRecord(wrongPriority), { category: 'record_unreadable' }),
      RUN,
    ],
    ['carried no run id', letterOf(encodeRecord(submission({ runId: null }))), null],
    ['carried what is no run id', letterOf(encodeRecord(submission({ runId: 'mine' as RunId }))), null],
    ['as JSON without run id', letterOf(json({})), null],
    ['is none', letterOf(Buffer.from('no record'), { category: 'record_unreadable' }), null],
    ['was refused, which ended it', letterOf(encodeRecord(submission()), { category: 'record_refused' }), null],
    ['lay on another topic', letterOf(encodeRecord(submission()), { topic: 'route' }), null],
    ['was replayed under a new run id', letterOf(encodeRecord(submission()), {}, { [NEW_RUN_HEADER]: 'yes' }), null],
    ['is not in the letter', letterOf(new Uint8Array(), { record: null }), null],
  ])('%s', (_, letter, ended) => {
    const emits = task().send('dlq', letter)
    expect(kinds(emits)).toEqual(ended === null ? ['LetterStored'] : ['LetterStored', 'RunRejected'])
    if (ended === null) return
    expect(emits[1]).toMatchObject({
      topic: 'events',
      partition: HOME,
      record: { runId: RUN, tenant: 'acme', flow: 'orders', error: letter.error },
    })
  })

  it('is ended once, however often its letter comes', () => {
    const t = task()
    t.send('dlq', poison())
    expect(t.send('dlq', poison())).toEqual([])
  })

  it('goes to the home of its run, which knows whether it was accepted', () => {
    const letter = poison()
    const emits = task(1).send('dlq', letter)
    expect(emits).toMatchObject([{ topic: 'dlq', partition: HOME, record: letter }])
    expect(letterIds(emits, 'LetterStored')).toEqual([])
  })

  it.each<readonly [string, SubmitRun, (t: TaskDriver) => void]>([
    ['goes on', submission(), goesOn],
    ['has just ended', submission(), (t) => t.state.set(RECENT_RUNS, RUN, known)],
    [
      'ended and is known by its key',
      submission({ idempotencyKey: 'k' }),
      (t) => t.state.set(IDEMPOTENCY, 'acme/k', { ...known, runId: RUN }),
    ],
  ])('leaves a run alone that %s', (_, record, prepare) => {
    const t = task()
    prepare(t)
    expect(kinds(t.send('dlq', letterOf(encodeRecord(record))))).toEqual(['LetterStored'])
  })

  it.each<readonly [string, 'yes' | undefined, (t: TaskDriver) => void]>([
    ['as a new run, since the id it came with has had its end', 'yes', () => undefined],
    ['as it was, if its run was accepted', undefined, goesOn],
  ])('is replayed %s', (_, header, prepare) => {
    const t = task()
    t.send('dlq', poison())
    prepare(t)
    const turn = new TestTurn(t.state, createDlq().stores)
    const request = { action: 'replay', filter: filter(), ratePerSecond: 0, patch: null } as const
    const row = t.state.rows(LETTERS).get('ingest-0-1')!
    expect(replayLetter(turn, 'ingest-0-1', row, 'r1', { ...request, requestedBy: null, reason: null })).toBe(true)
    expect(turn.raw.map(({ topic, headers }) => [topic, headers?.[NEW_RUN_HEADER]])).toEqual([['ingest', header]])
  })
})
