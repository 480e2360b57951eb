/** Submissions: what is accepted, recognised, refused and sent on. */
import { describe, expect, it } from 'vitest'
import { control } from '../../../processors/control/control.ts'
import { ingest } from '../../../processors/ingest/ingest.ts'
import { result } from '../../../processors/result/result.ts'
import { ControlBehind, type SourceRecord } from '../../../processors/turn.ts'
import { homeOf, newRunId, type RunId, type TenantId } from '../../../schemas/ids.ts'
import type { JsonText } from '../../../schemas/json.ts'
import type { SubmitRun } from '../../../schemas/records/ingest.ts'
import { decide, driveTask, type Outcome, TestState } from '../../support/outcome.ts'
import { ended, graph, publication, RUN, submission } from '../result/scenario.ts'

const OTHER = '00000000-0000-8000-8000-000000000002' as RunId
const REPLY = { partition: 4, correlation: 'c1' }

function task() {
  const driver = driveTask([control, result, ingest])
  driver.send('control', publication(graph({ a: [] }, { input: { type: 'object', required: ['order'] } })))
  return driver
}

const order = (change: Partial<SubmitRun> = {}) =>
  submission('test', { input: '{"order":{"sku":"x"}}' as JsonText, ...change })

const kinds = ({ emits }: Pick<Outcome, 'emits'>) => emits.map(({ record }) => record.kind)

describe('acceptance', () => {
  it('accepts, answers and begins the run in one decision', () => {
    const t = task()
    const emits = t.send('ingest', order({ replyTo: REPLY, metadata: '{"m":1}' as JsonText, traceparent: 'tp' }))
    expect(emits.map(({ topic, record }) => `${topic} ${record.kind}`)).toEqual([
      'events RunAccepted',
      'route StepReady',
    ])
    expect(emits[0]?.record).toEqual({
      kind: 'RunAccepted',
      runId: RUN,
      tenant: 'default',
      atMs: 1_000_000,
      causeTopic: 'ingest',
      causeOffset: 2,
      flow: 'test',
      version: 1,
      input: '{"order":{"sku":"x"}}',
      priority: 5,
      stickyKey: null,
      idempotencyKey: null,
      metadata: '{"m":1}',
      traceparent: 'tp',
      deadlineAtMs: null,
      replayOf: null,
      replayId: null,
      letterId: null,
      takenOver: [],
    })
    expect(t.replies).toEqual([{ to: REPLY, ok: true, code: 'accepted', body: { run_id: RUN, status: 'accepted' } }])
    const { runs, steps, payloads } = t.state.snapshot()
    expect(Object.keys(runs!)).toEqual([RUN])
    expect(steps).toEqual({ [`${RUN}/a`]: expect.objectContaining({ state: 'ready', attempt: 1 }) })
    expect(payloads).toEqual({ [RUN]: { text: '{"order":{"sku":"x"}}' }, [`${RUN}//metadata`]: { text: '{"m":1}' } })
  })

  it('takes the latest version unless one is asked for, and the priority of the flow unless one is given', () => {
    const t = task()
    t.send('control', publication(graph({ a: [] }, { priority: 7 }), 2))
    t.send('ingest', order())
    t.send('ingest', order({ runId: OTHER, version: 1, priority: 0 }))
    const accepted = t.emits.map(({ record }) => record).filter((record) => record.kind === 'RunAccepted')
    expect(accepted).toMatchObject([
      { version: 2, priority: 7 },
      { version: 1, priority: 0 },
    ])
  })
})

describe('home', () => {
  const at = (partition: number, change: Partial<SubmitRun>, spread?: number) => {
    const driver = driveTask([control, result, ingest], { partition, partitions: 4 })
    driver.send('control', publication(graph({ a: [] })))
    const limits = { maxConcurrency: null, ratePerSecond: null, burst: null, weight: 1 }
    const tenant = 'default' as TenantId
    if (spread !== undefined) driver.send('control', { kind: 'TenantChanged', tenant, revision: 1, spread, ...limits })
    return { driver, emits: driver.send('ingest', submission('test', { runId: null, ...change })) }
  }

  it('a submission with neither id nor key stays where it arrived', () => {
    for (const partition of [0, 1, 2, 3]) {
      const { emits } = at(partition, {})
      const accepted = emits[0]!.record
      if (accepted.kind !== 'RunAccepted') throw new Error(`got ${accepted.kind}`)
      expect(homeOf(accepted.runId, 4)).toBe(partition)
    }
  })

  it.each([{ idempotencyKey: 'k' }, { stickyKey: 'k' }, { idempotencyKey: 'other', stickyKey: 'k' }])(
    'with %o it goes to the same home from everywhere',
    (keys) => {
      const homes = [0, 1, 2, 3].map((partition) => {
        const { emits, driver } = at(partition, keys)
        const { record, partition: home, topic } = emits[0]!
        const { runId } = record as { runId: RunId | null }
        // a key's home is found from the key wherever it arrives; the id is made there
        if (home !== partition && 'idempotencyKey' in keys) expect(runId).toBe(null)
        else expect(homeOf(runId!, 4)).toBe(home)
        expect(topic).toBe(home === partition ? 'events' : 'ingest')
        expect(driver.counts.records_forwarded ?? 0).toBe(home === partition ? 0 : 1)
        return home
      })
      expect(new Set(homes).size).toBe(1)
    },
  )

  it('an idempotency key has one home, whatever the sticky key', () => {
    const homes = ['a', 'b', 'c', 'd', 'e', 'f', null].map(
      (stickyKey) => at(0, { idempotencyKey: 'k', stickyKey }).emits[0]!.partition,
    )
    expect(new Set(homes).size).toBe(1)
  })

  it('an idempotency key and a run id of another home are refused, as the key would not be known there', () => {
    const home = at(0, { idempotencyKey: 'k' }).emits[0]!.partition
    const there = newRunId(home, () => 7)
    const elsewhere = newRunId((home + 1) % 4, () => 7)
    expect(kinds(at(home, { idempotencyKey: 'k', runId: there }))).toContain('RunAccepted')
    const asked = at((home + 1) % 4, { idempotencyKey: 'k', runId: elsewhere, replyTo: REPLY })
    expect(asked.driver.replies).toMatchObject([
      { ok: false, code: 'invalid_run_id', body: { message: expect.stringMatching(/partition.*leave out `run_id`/) } },
    ])
    const produced = at((home + 1) % 4, { idempotencyKey: 'k', runId: elsewhere })
    expect(kinds(produced)).toEqual(['DeadLetter', 'RunRejected'])
  })

  it('a tenant with a spread stays on its partitions', () => {
    const homes = new Set<number>()
    for (let i = 0; i < 40; i++) homes.add(at(0, { idempotencyKey: `k${i}` }, 2).emits[0]!.partition)
    expect(homes.size).toBe(2)
  })

  it('an id of another home is sent there with nothing else done', () => {
    const id = newRunId(2, () => 7)
    const { driver, emits } = at(1, { runId: id, replyTo: REPLY })
    expect(emits).toMatchObject([{ topic: 'ingest', partition: 2, record: { kind: 'SubmitRun', runId: id } }])
    expect(driver.replies).toEqual([])
    expect(Object.keys(driver.state.snapshot())).toEqual(['flows'])
  })
})

describe('repeats', () => {
  it('of a run id with the same body are one run', () => {
    const t = task()
    t.send('ingest', order())
    const again = t.send('ingest', order({ replyTo: REPLY, submittedAtMs: 99 }))
    expect(again).toEqual([])
    expect(t.replies).toEqual([{ to: REPLY, ok: true, code: 'duplicate', body: { run_id: RUN, status: 'accepted' } }])
    expect(t.counts.duplicate_submissions).toBe(1)
  })

  it('of a run id with another body are a conflict that leaves the run alone', () => {
    const t = task()
    t.send('ingest', order())
    const emits = t.send('ingest', order({ input: '{"order":2}' as JsonText }))
    expect(kinds({ emits })).toEqual(['DeadLetter'])
    expect(emits[0]?.record).toMatchObject({ category: 'record_refused', error: { code: 'RUN_ID_CONFLICT' } })
  })

  it('of a run id by another tenant are a conflict too, while the id is known', () => {
    const t = task()
    const other = 'other' as TenantId
    t.send('control', { ...publication(graph({ a: [] })), tenant: other })
    t.send('ingest', order())
    t.send('result', ended(RUN, 'a' as never, 1, 'success', null, null))
    expect(kinds({ emits: t.send('ingest', order({ tenant: other })) })).toEqual(['DeadLetter'])
    expect(t.emits.at(-1)?.record).toMatchObject({ error: { code: 'RUN_ID_CONFLICT' } })
  })

  it('of a run id that came with a key are known after the end of its run too', () => {
    const t = task()
    t.send('ingest', order({ idempotencyKey: 'k' }))
    t.send('result', ended(RUN, 'a' as never, 1, 'success', null, null))
    expect(kinds({ emits: t.send('ingest', order()) })).toEqual(['DeadLetter'])
    expect(t.emits.at(-1)?.record).toMatchObject({ error: { code: 'RUN_ID_CONFLICT' } })
  })

  it('of a run id are remembered ten minutes; of a live run as long as it lives', () => {
    const t = task()
    t.send('ingest', order())
    t.advance(600_000)
    expect(t.send('ingest', order())).toEqual([])
    t.send('result', ended(RUN, 'a' as never, 1, 'success', null, null))
    expect(kinds({ emits: t.send('ingest', order()) })).toContain('RunAccepted')
  })

  it('of an idempotency key with the same body answer with the first run, however the JSON is written', () => {
    const t = task()
    t.send('ingest', order({ idempotencyKey: 'k', input: '{"order":1,"b":2}' as JsonText }))
    const input = '{ "b": 2, "order": 1 }' as JsonText
    const again = t.send('ingest', order({ idempotencyKey: 'k', runId: OTHER, replyTo: REPLY, input }))
    expect(again).toEqual([])
    expect(t.replies).toMatchObject([{ ok: true, code: 'duplicate', body: { run_id: RUN } }])
  })

  it('of an idempotency key with another body are refused, naming the first run', () => {
    const t = task()
    t.send('ingest', order({ idempotencyKey: 'k' }))
    const input = '{"order":2}' as JsonText
    t.send('ingest', order({ idempotencyKey: 'k', runId: OTHER, replyTo: REPLY, input }))
    expect(t.replies).toMatchObject([
      {
        ok: false,
        code: 'idempotency_conflict',
        body: {
          message: `idempotency key 'k' belongs to run ${RUN}, which was submitted with another body`,
          details: { idempotency_key: 'k', run_id: RUN },
        },
      },
    ])
    const emits = t.send('ingest', order({ idempotencyKey: 'k', runId: OTHER, input }))
    expect(kinds({ emits })).toEqual(['DeadLetter', 'RunRejected'])
    expect(kinds({ emits: t.send('ingest', order({ idempotencyKey: 'k', input })) })).toEqual(['DeadLetter'])
  })

  it('keys are kept until 24 hours after the end of their run, and belong to their tenant', () => {
    const t = task()
    t.send('ingest', order({ idempotencyKey: 'k' }))
    t.advance(100 * 3_600_000)
    expect(t.send('ingest', order({ idempotencyKey: 'k' }))).toEqual([])
    t.send('result', ended(RUN, 'a' as never, 1, 'success', null, null))
    t.advance(24 * 3_600_000 - 1)
    expect(t.send('ingest', order({ idempotencyKey: 'k' }))).toEqual([])
    t.advance(1)
    expect(kinds({ emits: t.send('ingest', order({ idempotencyKey: 'k' })) })).toContain('RunAccepted')
    const foreign = t.send('ingest', order({ idempotencyKey: 'k', runId: OTHER, tenant: 'other' as TenantId }))
    expect(foreign[0]?.record).toMatchObject({ error: { code: 'UNKNOWN_FLOW' } })
  })
})

describe('refusals', () => {
  it.each<[string, Partial<SubmitRun>, string, string]>([
    ['an unknown flow', { flow: 'nope' }, 'unknown_flow', "flow 'nope' is unknown for tenant 'default'"],
    ['an unknown version', { version: 9 }, 'unknown_flow', "version 9 of flow 'test' is unknown"],
    [
      'an input that lacks something',
      { input: '{}' as JsonText },
      'invalid_input',
      '`input` must have required property',
    ],
    [
      'an input of another type',
      { input: '[1]' as JsonText },
      'invalid_input',
      '`input` must be object; found a list of 1',
    ],
    ['an input that is no JSON', { input: '{oops' as JsonText }, 'invalid_input', 'expected JSON'],
    ['an input that is too large', { input: `"${'x'.repeat(1 << 20)}"` as JsonText }, 'input_too_large', '1048576'],
    [
      'a priority out of range',
      { priority: 10 },
      'invalid_request',
      '`priority` is 10; expected an integer from 0 to 9',
    ],
    ['a version below 1', { version: 0 }, 'invalid_request', '`version` is 0; expected an integer from 1'],
    ['metadata that is no object', { metadata: '[]' as JsonText }, 'invalid_request', 'expected a JSON object'],
    ['an empty idempotency key', { idempotencyKey: '' }, 'invalid_request', '`idempotency_key` is ""'],
    ['an endless sticky key', { stickyKey: 'x'.repeat(513) }, 'invalid_request', '`sticky_key`'],
    ['a tenant that is none', { tenant: '../x' as TenantId }, 'invalid_request', '`tenant` is "../x"'],
    ['a run id that is none', { runId: 'abc' as RunId }, 'invalid_run_id', 'run id "abc" is none'],
  ])('%s is answered', (_what, change, code, message) => {
    const t = task()
    const emits = t.send('ingest', order({ replyTo: REPLY, ...change }))
    expect(emits).toEqual([])
    expect(t.replies).toMatchObject([
      { to: REPLY, ok: false, code, body: { message: expect.stringContaining(message) } },
    ])
    expect(Object.keys(t.state.snapshot())).toEqual(['flows'])
  })

  it('says where an input does not match', () => {
    const t = driveTask([control, result, ingest])
    const lines = { type: 'array', items: { type: 'object', properties: { sku: { type: 'string', minLength: 2 } } } }
    const input = { type: 'object', properties: { lines, when: { type: 'string', format: 'date-time' } } }
    t.send('control', publication(graph({ a: [] }, { input })))
    t.send('ingest', order({ replyTo: REPLY, input: '{"lines":[{},{"sku":7}]}' as JsonText }))
    t.send('ingest', order({ replyTo: REPLY, input: '{"when":"soon"}' as JsonText }))
    expect(t.replies.map(({ body }) => body)).toMatchObject([
      {
        message: expect.stringContaining('`input.lines[1].sku` must be string; found 7'),
        details: { path: 'input.lines[1].sku' },
      },
      {
        message: expect.stringContaining('`input.when` must match format "date-time"; found \'soon\''),
        details: { path: 'input.when' },
      },
    ])
  })

  it('without anyone to answer it becomes a dead letter with its bytes, and its run id gets an end', () => {
    const state = new TestState()
    const source: SourceRecord = {
      topic: 'ingest',
      partition: 0,
      offset: 17,
      key: 'key',
      headers: { h: '1' },
      value: Buffer.from('bytes'),
    }
    const at = { source, cause: { topic: 'ingest', offset: 17 } } as const
    const outcome = decide(ingest, state, order({ flow: 'nope' }), at)
    expect(outcome.writes).toEqual([])
    expect(outcome.emits.map(({ topic, record }) => ({ topic, record }))).toEqual([
      {
        topic: 'dlq',
        record: {
          kind: 'DeadLetter',
          letterId: expect.stringMatching(/^ingest-0-17-/),
          tenant: 'default',
          category: 'record_refused',
          error: expect.objectContaining({ code: 'UNKNOWN_FLOW', class: 'permanent' }),
          topic: 'ingest',
          partition: 0,
          offset: 17,
          run: null,
          record: { key: 'key', value: Buffer.from('bytes'), headers: { h: '1' } },
          parentLetterId: null,
          atMs: 1_000_000,
        },
      },
      {
        topic: 'events',
        record: {
          kind: 'RunRejected',
          runId: RUN,
          tenant: 'default',
          atMs: 1_000_000,
          causeTopic: 'ingest',
          causeOffset: 17,
          flow: 'nope',
          error: expect.objectContaining({ code: 'UNKNOWN_FLOW' }),
        },
      },
    ])
    const unnamed = decide(ingest, state, order({ flow: 'nope', runId: null }), at)
    expect(kinds(unnamed)).toEqual(['DeadLetter'])
  })

  it('an unknown flow is only refused once control has been read to its end', () => {
    const state = new TestState()
    expect(() => decide(ingest, state, order(), { controlIsCurrent: false })).toThrow(ControlBehind)
    expect(state.snapshot()).toEqual({})
  })
})
