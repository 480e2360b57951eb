import { describe, expect, it } from 'vitest'
import { control } from '../../../processors/control/control.ts'
import { createDlq } from '../../../processors/dlq/dlq.ts'
import { fingerprintOf } from '../../../processors/dlq/fingerprint.ts'
import { REQUESTS, SWEEPS } from '../../../processors/dlq/stores.ts'
import { ingest } from '../../../processors/ingest/ingest.ts'
import type { StoreDef } from '../../../processors/turn.ts'
import { encodeRecord } from '../../../schemas/codec/wire.ts'
import { homeOf, isRunId, type TenantId } from '../../../schemas/ids.ts'
import { asJsonText } from '../../../schemas/json.ts'
import type { ReplayDeadLetters } from '../../../schemas/records/dlq.ts'
import { type TaskDriver, TestState, TestTurn } from '../../support/outcome.ts'
import { submission } from '../result/scenario.ts'
import {
  DAY_MS,
  discard,
  dlqTask,
  filter,
  letterIds,
  published,
  recordLetter,
  replay,
  runIdOf,
  runLetter,
  START_MS,
  submitted,
} from './world.ts'

const letters = (count: number) => Array.from({ length: count }, (_, n) => runLetter(n))

function replayed(task: TaskDriver, request: ReplayDeadLetters, ms = 10_000): number[] {
  task.send('dlq', request)
  return submitted(task.advance(ms)).map((run) => Number.parseInt(run.replay!.of.slice(-12), 16))
}

describe('a replay of a run', () => {
  it('submits a new run at the same home that goes on where the old one failed', () => {
    const task = dlqTask([runLetter(1)])
    task.send('dlq', replay())
    expect(task.replies).toEqual([
      {
        to: replay().replyTo,
        ok: true,
        code: 'scheduled',
        body: { replay_id: 'r1', matched: 1, scheduled: 1, refused: 0, refusals: [] },
      },
    ])
    const [submission, event] = task.advance(0)
    const [run] = submitted([submission!])
    expect(submission).toMatchObject({ topic: 'ingest', partition: 3 })
    expect(isRunId(run!.runId!) && homeOf(run!.runId!, 4)).toBe(3)
    expect(run!.runId).not.toBe(runIdOf(1))
    expect(run).toEqual({
      kind: 'SubmitRun',
      runId: run!.runId,
      tenant: 'acme',
      flow: 'orders',
      version: 1,
      input: runLetter(1).run!.input,
      idempotencyKey: null,
      stickyKey: null,
      priority: 5,
      metadata: null,
      traceparent: null,
      replyTo: null,
      submittedAtMs: START_MS,
      replay: { of: runIdOf(1), replayId: 'r1', letterId: runIdOf(1), completed: runLetter(1).run!.completed },
    })
    expect(event!.record).toMatchObject({
      kind: 'LetterReplayed',
      letterId: runIdOf(1),
      replayId: 'r1',
      newRunId: run!.runId,
      requestedBy: 'ann',
      reason: 'fixed',
    })
  })

  it('gives the same run id for the same letter and replay, and another for another', () => {
    const idOf = (n: number, replayId: string) => {
      const task = dlqTask([runLetter(n)])
      task.send('dlq', replay({ replayId }))
      return submitted(task.advance(0))[0]!.runId
    }
    expect(idOf(1, 'r1')).toBe(idOf(1, 'r1'))
    expect(new Set([idOf(1, 'r1'), idOf(1, 'r2'), idOf(2, 'r1')]).size).toBe(3)
  })

  it('patches the input', () => {
    const task = dlqTask([runLetter(1)])
    task.send('dlq', replay({ patch: asJsonText('{"to":{"zip":null,"city":"Basel"}}') }))
    expect(submitted(task.advance(0))[0]!.input).toBe('{"order":1,"to":{"city":"Basel"}}')
  })

  it('is refused where the patched input does not fit the flow, and can be asked for again', () => {
    const task = dlqTask([runLetter(1)])
    const named = filter({ letterIds: [runIdOf(1)] })
    const patched = (text: string) => replay({ filter: named, patch: asJsonText(text) })
    expect(replayed(task, patched('{"to":"Basel"}'))).toEqual([])
    expect(task.replies.at(-1)!.body).toMatchObject({
      ...{ matched: 1, scheduled: 0, refused: 1 },
      refusals: [
        { letter_id: runIdOf(1), code: 'INVALID_INPUT', message: expect.stringMatching(/`input.to` must be object/) },
      ],
    })
    expect(replayed(task, patched('{"to":{"city":"Basel"}}'))).toEqual([1])
  })

  it('among many leaves those open whose patched input does not fit', () => {
    const task = dlqTask(letters(25))
    task.send('dlq', replay({ patch: asJsonText('{"to":1}') }))
    expect(task.replies[0]!.body).toMatchObject({ matched: 25, refused: 20, scheduled: 5 })
    expect(submitted(task.advance(10_000))).toEqual([])
    expect(replayed(task, replay({ replayId: 'r2' }))).toHaveLength(25)
  })
})

describe('a replay of a record', () => {
  const stores = [...control.stores, ...createDlq().stores] as readonly StoreDef<unknown>[]

  function rawOf(request: ReplayDeadLetters, ...from: ReturnType<typeof recordLetter>[]) {
    const dlq = createDlq()
    const state = new TestState(0, 4)
    control.handlers.FlowPublished!(new TestTurn(state, stores), published(1), null)
    for (const record of from) dlq.handlers.DeadLetter!(new TestTurn(state, stores), record, null)
    dlq.handlers.ReplayDeadLetters!(new TestTurn(state, stores), request, null)
    const turn = new TestTurn(state, stores)
    const [key, row] = [...state.rows(SWEEPS)][0]!
    dlq.due.find((due) => due.store === SWEEPS)!.handle(turn, key, row)
    return turn.raw.map(({ value, ...rest }) => ({ ...rest, value: Buffer.from(value).toString() }))
  }

  it('appends it as it was, with the letter it was', () => {
    expect(rawOf(replay(), recordLetter(3, { topic: 'result', partition: 2 }))).toEqual([
      {
        topic: 'result',
        partition: 2,
        key: 'k',
        value: 'bytes 3',
        headers: { trace_id: 't1', 'beamline-replayed-letter': 'ingest-0-3' },
      },
    ])
  })

  it('gives a refused submission a new run: the id it came with has had its end', () => {
    const refused = recordLetter(3, { category: 'record_refused', topic: 'ingest' })
    const [raw] = rawOf(replay(), refused)
    const value = encodeRecord({ ...submission('orders'), runId: runIdOf(3) })
    const source = { topic: 'ingest', partition: 0, offset: 9, key: null, headers: raw!.headers, value } as const
    expect(ingest.decode!(source)).toMatchObject({ kind: 'SubmitRun', runId: null, flow: 'orders' })
    const [unreadable] = rawOf(replay(), recordLetter(3))
    expect(ingest.decode!({ ...source, headers: unreadable!.headers })).toMatchObject({ runId: runIdOf(3) })
  })

  it('gives one record a new value, and several none', () => {
    const patch = asJsonText('{"flow":"orders","tenant":"acme","input":{}}')
    const one = replay({ patch, filter: filter({ letterIds: ['ingest-0-3'] }) })
    expect(rawOf(one, recordLetter(3))).toMatchObject([{ value: patch }])
    const several = dlqTask([recordLetter(3), recordLetter(4)])
    several.send('dlq', replay({ patch }))
    expect(several.replies[0]!.body).toMatchObject({ matched: 2, scheduled: 0, refused: 2 })
  })

  it.each([
    ['{"flow":"orders","colour":1}', /unknown field 'colour'/],
    ['{"flow":"none","tenant":"acme"}', /flow 'none' is not known/],
    ['{"flow":"orders","tenant":"acme","input":{"to":7}}', /does not match the schema/],
    ['7', /no JSON object|begins with/],
  ])('refuses %s, which is no submission that could be taken', (patch, message) => {
    const task = dlqTask([recordLetter(3)])
    task.send('dlq', replay({ patch: asJsonText(patch), filter: filter({ letterIds: ['ingest-0-3'] }) }))
    const [refusal] = (task.replies[0]!.body as { refusals: { code: string; message: string }[] }).refusals
    expect(refusal).toMatchObject({ code: 'INVALID_RECORD', message: expect.stringMatching(message) })
  })
})

describe('which letters', () => {
  it('a replay id belongs to its tenant', () => {
    const other = 'other' as TenantId
    const task = dlqTask([runLetter(1), runLetter(2, { tenant: other })])
    task.send('control', published(1, other))
    expect(replayed(task, replay())).toEqual([1])
    expect(replayed(task, replay({ filter: filter({ tenant: other }) }))).toEqual([2])
    expect(task.replies.map(({ code }) => code)).toEqual(['scheduled', 'scheduled'])
  })

  const timeout = { ...runLetter(1).error, code: 'TIMEOUT' }
  const all = [
    runLetter(0),
    runLetter(1, { error: timeout }),
    runLetter(2, {}, { flow: 'returns' }),
    runLetter(3, { tenant: 'other' as TenantId }),
  ]

  it.each([
    ['the tenant', {}, [0, 1, 2]],
    ['the fingerprint', { fingerprint: fingerprintOf(all[0]!) }, [0]],
    ['the flow', { flow: 'returns' }, [2]],
    ['the code', { code: 'TIMEOUT' }, [1]],
    ['the ids', { letterIds: [runIdOf(2), runIdOf(0), runIdOf(3)] }, [0, 2]],
    ['all of them', { flow: 'orders', code: 'HTTP_ERROR', letterIds: [runIdOf(1)] }, []],
  ])('are chosen by %s', (_what, fields, expected) => {
    const task = dlqTask(all)
    task.send('control', { ...published(1), flow: 'returns' })
    expect(replayed(task, replay({ filter: filter(fields) }))).toEqual(expected)
  })

  it('are the oldest ones up to the limit', () => {
    const task = dlqTask(letters(9))
    expect(replayed(task, replay({ limit: 4 }))).toEqual([0, 1, 2, 3])
    expect(task.replies[0]!.body).toMatchObject({ matched: 9, scheduled: 4 })
    expect(replayed(task, replay({ replayId: 'r2' }))).toEqual([4, 5, 6, 7, 8])
  })

  it('are those there were when the replay was asked for', () => {
    const task = dlqTask(letters(3))
    task.send('dlq', replay({ ratePerSecond: 1 }))
    task.send('dlq', discard({ filter: filter({ letterIds: [runIdOf(2)] }) }))
    task.send('dlq', runLetter(99))
    expect(submitted(task.advance(60_000)).map((run) => run.replay!.of)).toEqual([0, 1].map(runIdOf))
  })

  it('are not those that are refused, which stay open', () => {
    const task = dlqTask([runLetter(1), runLetter(2, {}, { version: 2 })])
    expect(replayed(task, replay())).toEqual([1])
    expect(task.replies[0]!.body).toMatchObject({ matched: 2, scheduled: 1, refused: 1 })
    task.send('control', published(2))
    expect(replayed(task, replay({ replayId: 'r2' }))).toEqual([2])
  })
})

describe('a repeated command', () => {
  it('under one replay id replays each letter once and gives the first answer', () => {
    const task = dlqTask(letters(5))
    expect(replayed(task, replay())).toHaveLength(5)
    task.send('dlq', runLetter(77))
    expect(replayed(task, replay())).toEqual([])
    expect(task.replies.map(({ code, body }) => [code, body])).toEqual([
      ['scheduled', { replay_id: 'r1', matched: 5, scheduled: 5, refused: 0, refusals: [] }],
      ['already_scheduled', { replay_id: 'r1', matched: 5, scheduled: 5, refused: 0, refusals: [] }],
    ])
  })

  it('is known until the retention is over', () => {
    const task = dlqTask(letters(1))
    replayed(task, replay())
    expect([task.state.rows(SWEEPS).size, task.state.rows(REQUESTS).size]).toEqual([1, 0])
    task.advance(14 * DAY_MS)
    expect(task.state.rows(SWEEPS).size).toBe(0)
  })

  it('beside another replay of the same letters never replays one twice', () => {
    const task = dlqTask(letters(40))
    task.send('dlq', replay({ ratePerSecond: 10 }))
    task.send('dlq', replay({ replayId: 'r2', ratePerSecond: 15 }))
    const ids = letterIds(task.advance(60_000), 'LetterReplayed')
    expect([...ids].sort()).toEqual(letters(40).map((letter) => letter.letterId))
  })
})

describe('the pace', () => {
  it.each([
    [3, 30],
    [25, 100],
  ])('of %d per second is kept', (rate, count) => {
    const task = dlqTask(letters(count))
    task.send('dlq', replay({ ratePerSecond: rate }))
    const times: number[] = []
    for (let ms = 0; ms < (count / rate + 2) * 1000; ms++) {
      for (const _ of submitted(task.advance(ms === 0 ? 0 : 1))) times.push(task.now)
    }
    expect(times).toHaveLength(count)
    times.forEach((time, i) => {
      expect(
        times.filter((other) => other >= time && other < time + 1000).length,
        `from letter ${i}`,
      ).toBeLessThanOrEqual(rate)
    })
    expect(times.at(-1)! - times[0]!).toBeLessThan((count / rate) * 1000 * 1.02)
  })

  it('is kept over a restart, and time in which nothing ran is not made up for', () => {
    const task = dlqTask(letters(30))
    task.send('dlq', replay({ ratePerSecond: 10 }))
    const before = submitted(task.advance(950)).length
    const rows = task.state.snapshot()
    expect(rows.sweeps).toMatchObject({ 'acme/r1': { left: 30 - before, ended: 'no' } })
    task.now += 60_000
    expect(submitted(task.advance(0))).toHaveLength(1)
    expect(submitted(task.advance(899))).toHaveLength(8)
    expect(submitted(task.advance(60_000))).toHaveLength(30 - before - 9)
  })

  it('can be next to nothing, with a next time that a row can hold', () => {
    const task = dlqTask(letters(3))
    expect(replayed(task, replay({ ratePerSecond: 1e-300 }))).toEqual([0])
    expect(() => SWEEPS.type.toBuffer(task.state.snapshot().sweeps!['acme/r1'])).not.toThrow()
  })

  it('without a cap goes in small turns', () => {
    const task = dlqTask(letters(1000))
    task.send('dlq', replay())
    const turns = Array.from({ length: 6 }, (_, ms) => submitted(task.advance(ms === 0 ? 0 : 1)).length)
    expect(turns).toEqual([200, 200, 200, 200, 200, 0])
  })

  it('waits while the task has as many runs as it may hold', () => {
    let room = false
    const full = dlqTask(letters(500), { mayBegin: () => room })
    full.send('dlq', replay())
    expect(submitted(full.advance(5_000))).toHaveLength(0)
    room = true
    expect(submitted(full.advance(1_000))).toHaveLength(500)
    room = false
    const discarded = dlqTask(letters(3), { mayBegin: () => room })
    discarded.send('dlq', discard())
    expect(letterIds(discarded.advance(5), 'LetterDiscarded')).toHaveLength(3)
  })

  it('does not stop at letters that do not match', () => {
    const others = Array.from({ length: 12_000 }, (_, n) => runLetter(n, { tenant: 'other' as TenantId }))
    const task = dlqTask([...others, runLetter(12_001)])
    expect(replayed(task, replay({ ratePerSecond: 1 }), 5)).toEqual([12_001])
  })
})

describe('what cannot be done', () => {
  it.each([
    [
      'a patch that is no JSON',
      { patch: '{' as ReturnType<typeof asJsonText> },
      'PATCH_INVALID',
      'the patch is not JSON',
    ],
    ['a rate below 0', { ratePerSecond: -1 }, 'RATE_INVALID', 'the rate is -1; expected 0 or more per second'],
    ['a rate that is none', { ratePerSecond: Number.NaN }, 'RATE_INVALID', 'the rate is NaN'],
  ])('is answered: %s', (_what, fields, code, message) => {
    const task = dlqTask(letters(1))
    expect(replayed(task, replay(fields))).toEqual([])
    expect(task.replies).toMatchObject([{ ok: false, code, body: { message: expect.stringContaining(message) } }])
  })
})

describe('one letter that another replay has, whose turn has not come', () => {
  it('is promised to nobody else, and can be asked for again under the same id', () => {
    let room = false
    const task = dlqTask(letters(2), { mayBegin: () => room })
    const ask = (replayId: string, n: number, patch: string | null = null) => {
      const request = { replayId, filter: filter({ letterIds: [runLetter(n).letterId] }) }
      task.send('dlq', replay({ ...request, patch: patch === null ? null : asJsonText(patch) }))
      return (task.replies.at(-1)!.body as { scheduled: number }).scheduled
    }
    expect([ask('r1', 1), ask('r2', 1, '{"a":1}'), ask('r3', 1), ask('r1', 1), ask('r4', 0)]).toEqual([1, 0, 0, 1, 1])
    room = true
    expect(submitted(task.advance(1_000)).map((run) => run.replay!.replayId)).toEqual(['r1', 'r4'])
    expect([ask('r3', 1), ask('r1', 1)]).toEqual([0, 1])
  })
})
