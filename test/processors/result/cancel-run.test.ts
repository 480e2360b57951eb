/** Cancels: decided on `result` where the run is known, else behind its submission on `ingest`. */
import { describe, expect, it } from 'vitest'
import { ingest } from '../../../processors/ingest/ingest.ts'
import type { RunId, TenantId } from '../../../schemas/ids.ts'
import type { CancelRun } from '../../../schemas/records/result.ts'
import { graph, RUN, type Scenario, scenario, submission } from './scenario.ts'

const REPLY = { partition: 0, correlation: 'x' }
const NOBODY = '00000000-0000-8000-8000-0000000000ff' as RunId
const MALLORY = 'mallory' as TenantId

const cancel = (change: Partial<CancelRun> = {}): CancelRun => ({
  kind: 'CancelRun',
  runId: RUN,
  tenant: 'default' as TenantId,
  reason: 'enough',
  requestedBy: null,
  force: false,
  replyTo: REPLY,
  ...change,
})

/** What was appended to ingest is decided, as the task would when it comes to it. */
function readIngest(s: Scenario): void {
  for (const { topic, partition, key, value, headers } of s.raw.splice(0)) {
    expect({ topic, partition }).toEqual({ topic: 'ingest', partition: 0 })
    s.send('ingest', ingest.decode!({ topic: 'ingest', partition: 0, offset: 0, key, headers, value }))
  }
}

/** The run is known or not, and has ended or not, when the cancel comes. */
const worlds: { readonly [world: string]: () => Scenario } = {
  running: () => scenario(graph({ a: [] })),
  ended() {
    const s = scenario(graph({ a: [] }))
    s.finish('a')
    return s
  },
  'not submitted': () => scenario(graph({ a: [] }), null),
}

const cases = [
  { world: 'running', who: {}, onResult: 'cancelled', onIngest: 'cancelled' },
  { world: 'ended', who: {}, onResult: 'already_ended', onIngest: 'already_ended' },
  { world: 'running', who: { tenant: MALLORY }, onResult: 'passed on', onIngest: 'run_unknown' },
  { world: 'ended', who: { tenant: MALLORY }, onResult: 'passed on', onIngest: 'run_unknown' },
  { world: 'running', who: { runId: NOBODY }, onResult: 'passed on', onIngest: 'run_unknown' },
  { world: 'not submitted', who: {}, onResult: 'passed on', onIngest: 'run_unknown' },
] as const

describe.each(cases)('a cancel by $who where the run is $world', ({ world, who, onResult, onIngest }) => {
  it(`is ${onResult} on result`, () => {
    const s = worlds[world]!()
    const emitted = s.send('result', cancel(who))
    if (onResult !== 'passed on') {
      expect(s.replies).toMatchObject([{ to: REPLY, ok: onResult === 'cancelled', code: onResult }])
      expect(s.raw).toEqual([])
      return
    }
    expect(emitted).toEqual([])
    expect(s.replies).toEqual([])
    expect(s.counts.late_commands_dropped ?? 0).toBe(0)
    expect(s.raw).toMatchObject([{ topic: 'ingest', partition: 0, key: who && 'runId' in who ? NOBODY : RUN }])
  })

  it(`is ${onIngest} on ingest, and goes no further`, () => {
    const s = worlds[world]!()
    const emitted = s.send('ingest', cancel(who))
    expect(s.replies).toMatchObject([{ to: REPLY, ok: onIngest === 'cancelled', code: onIngest }])
    expect(s.raw).toEqual([])
    expect(emitted.map(({ record }) => record.kind).includes('RunCancelled')).toBe(onIngest === 'cancelled')
    expect(s.counts.late_commands_dropped ?? 0).toBe(onIngest === 'cancelled' ? 0 : 1)
  })
})

describe('a cancel that overtakes its submission', () => {
  it('waits behind it and cancels the run', () => {
    const s = scenario(graph({ a: [] }), null)
    s.send('result', cancel())
    s.send('ingest', submission('test'))
    expect(s.running()).toEqual(['a#1'])
    readIngest(s)
    expect(s.story()).toEqual(['RunAccepted', 'StepCancelled a', 'RunCancelled'])
    expect(s.records('RunCancelled')[0]).toMatchObject({ reason: 'enough', causeTopic: 'ingest' })
    expect(s.replies).toMatchObject([{ ok: true, code: 'cancelled', body: { run_id: RUN } }])
    expect(s.running()).toEqual([])
  })

  it('finds that the run has ended meanwhile', () => {
    const s = scenario(graph({ a: [] }), null)
    s.send('result', cancel())
    s.send('ingest', submission('test'))
    s.finish('a')
    readIngest(s)
    expect(s.story().at(-1)).toBe('RunCompleted')
    expect(s.replies).toMatchObject([{ ok: false, code: 'already_ended' }])
  })

  it('is answered once if the run never comes, and not at all if nobody waits', () => {
    const s = scenario(graph({ a: [] }), null)
    s.send('result', cancel())
    readIngest(s)
    readIngest(s)
    expect(s.replies).toMatchObject([{ ok: false, code: 'run_unknown' }])
    s.send('result', cancel({ replyTo: null }))
    readIngest(s)
    expect(s.replies).toHaveLength(1)
    expect(s.emits.filter(({ record }) => record.kind !== 'FlowPublished')).toEqual([])
  })
})

it.each(['result', 'ingest'] as const)('a cancel on %s away from home is sent to result there', (topic) => {
  const s = scenario(graph({ a: [] }), null, { partition: 1, partitions: 4 })
  const command = cancel()
  expect(s.send(topic, command)).toEqual([{ topic: 'result', partition: 0, record: command }])
  expect(s.raw).toEqual([])
  expect(s.counts.records_forwarded).toBe(1)
})
