/** Single decisions: rows, a record, and everything that came of it. */
import { describe, expect, it } from 'vitest'
import { control } from '../../../processors/control/control.ts'
import { result } from '../../../processors/result/result.ts'
import { PAYLOADS, RUNS, type RunHead, STEPS, type StepRow, UNREACHED } from '../../../processors/result/run-store.ts'
import { DEFAULT_TENANT, type StepId } from '../../../schemas/ids.ts'
import type { JsonText } from '../../../schemas/json.ts'
import { decide, decideDue, type Outcome, TestState } from '../../support/outcome.ts'
import { attemptError, ended, publication, RUN } from './scenario.ts'

const steps = [
  { id: 'a', type: 'echo', with: {}, retry: { attempts: 2, backoff: 'fixed', base: '1s', jitter: 0 } },
  { id: 'b', type: 'echo', with: {} },
  { id: 'c', type: 'echo', with: {}, after: ['a', 'b'] },
]
const head: RunHead = {
  state: 'running',
  tenant: DEFAULT_TENANT,
  flow: 'test',
  version: 1,
  priority: 5,
  stickyKey: 'sticky',
  idempotencyKey: null,
  traceparent: null,
  startedAtMs: 500,
  deadlineAtMs: null,
  seed: 9,
  draws: 0,
  ended: 0,
  failedStep: null,
  replay: null,
}
const ready: StepRow = { ...UNREACHED, state: 'ready', attempt: 1, sinceMs: 500 }
const done: StepRow = { ...UNREACHED, state: 'completed', attempt: 1, sinceMs: 600 }
const NOW = 1_000_000
const run = { runId: RUN, tenant: 'default', atMs: NOW, causeTopic: 'result', causeOffset: 0 }

function state(change: Partial<RunHead>, rows: { readonly [step: string]: StepRow }, outputs: readonly string[] = []) {
  const made = new TestState()
  decide(control, made, publication({ flow: 'test', steps }))
  made.set(RUNS, RUN, { ...head, ...change })
  made.set(PAYLOADS, RUN, { text: '{}' as JsonText })
  for (const [step, row] of Object.entries(rows)) made.set(STEPS, `${RUN}/${step}`, row)
  for (const step of outputs) made.set(PAYLOADS, `${RUN}/${step}`, { text: `"${step}"` as JsonText })
  return made
}

const finished = (step: string, output: string) => ended(RUN, step as StepId, 1, 'success', output as JsonText, null)
const records = ({ emits }: Outcome) => emits.map(({ topic, record }) => ({ topic, ...record }))
const released = (stepId: string, reason: string) => ({
  topic: 'route',
  kind: 'SlotReleased',
  runId: RUN,
  stepId,
  attempt: 1,
  reason,
})
const completed = (stepId: string, output: string) => ({
  topic: 'events',
  kind: 'StepCompleted',
  ...run,
  stepId,
  attempt: 1,
  output,
  workerId: 'w1',
  startedAtMs: 10,
  finishedAtMs: 20,
})

describe('AttemptFinished', () => {
  it('of a step that others wait for writes its row, its output, the head and the join, and no more', () => {
    const outcome = decide(result, state({}, { a: ready, b: ready }), finished('a', '"A"'))
    expect(outcome.writes).toEqual([
      { store: 'runs', key: RUN, value: { ...head, ended: 1 } },
      { store: 'steps', key: `${RUN}/a`, value: { ...ready, state: 'completed', sinceMs: NOW, order: 1 } },
      { store: 'steps', key: `${RUN}/c`, value: { ...UNREACHED, met: 1 } },
      { store: 'payloads', key: `${RUN}/a`, value: { text: '"A"' } },
    ])
    expect(records(outcome)).toEqual([released('a', 'finished'), completed('a', '"A"')])
    expect(outcome.counts).toEqual({})
  })

  it('of the last step before a join makes the next one ready', () => {
    const rows = { a: done, b: ready, c: { ...UNREACHED, met: 1 } }
    const outcome = decide(result, state({ ended: 1 }, rows, ['a']), finished('b', '"B"'))
    expect(outcome.writes.map(({ store, key }) => `${store} ${key}`)).toEqual([
      `runs ${RUN}`,
      `steps ${RUN}/b`,
      `steps ${RUN}/c`,
      `payloads ${RUN}/b`,
    ])
    expect(outcome.writes[2]?.value).toEqual({ ...ready, sinceMs: NOW, met: 1, order: 2 })
    expect(records(outcome)).toEqual([
      released('b', 'finished'),
      completed('b', '"B"'),
      {
        topic: 'route',
        kind: 'StepReady',
        runId: RUN,
        stepId: 'c',
        attempt: 1,
        tenant: 'default',
        pool: 'io',
        priority: 5,
        stickyKey: 'sticky',
        stickyTtlMs: null,
      },
    ])
  })

  it('of the last step ends the run: its rows are deleted and none is written first', () => {
    const rows = { a: done, b: done, c: ready }
    const outcome = decide(result, state({ ended: 2 }, rows, ['a', 'b']), finished('c', '"C"'))
    const deleted = [`runs ${RUN}`, `payloads ${RUN}`]
    for (const step of ['a', 'b', 'c']) deleted.push(`steps ${RUN}/${step}`)
    for (const step of ['a', 'b']) deleted.push(`payloads ${RUN}/${step}`)
    expect(outcome.writes.map(({ store, key }) => `${store} ${key}`).sort()).toEqual(deleted.sort())
    expect(outcome.writes.every(({ value }) => value === null)).toBe(true)
    expect(records(outcome)).toEqual([
      released('c', 'finished'),
      completed('c', '"C"'),
      { topic: 'events', kind: 'RunCompleted', ...run, output: '"C"' },
    ])
  })

  it('with an error that is retried writes the step’s row alone', () => {
    const error = attemptError({ class: 'transient' })
    const record = ended(RUN, 'a' as StepId, 1, 'error', null, error)
    const outcome = decide(result, state({}, { a: ready, b: ready }), record)
    const row = { ...ready, state: 'retrying', sinceMs: NOW, dueAtMs: NOW + 1000, error }
    expect(outcome.writes).toEqual([{ store: 'steps', key: `${RUN}/a`, value: row }])
    expect(records(outcome)).toEqual([
      released('a', 'finished'),
      { topic: 'events', kind: 'StepRetrying', ...run, stepId: 'a', attempt: 1, error, retryAtMs: NOW + 1000 },
    ])
    expect(outcome.counts).toEqual({ step_retries: 1 })
  })

  it.each([
    ['of another attempt', { ...ready, attempt: 2 }],
    ['of a step that is being retried', { ...ready, state: 'retrying', dueAtMs: NOW + 5 }],
    ['of a step that has ended', done],
    ['of a step that never began', UNREACHED],
  ] as const)('%s is counted and dropped', (_what, row) => {
    const outcome = decide(result, state({}, { a: row, b: ready }), finished('a', '1'))
    expect(outcome).toEqual({ writes: [], emits: [], raw: [], replies: [], counts: { late_results_dropped: 1 } })
  })
})

describe('time', () => {
  it('a retry that is due begins the next attempt', () => {
    const row: StepRow = { ...ready, state: 'retrying', dueAtMs: NOW, error: attemptError() }
    const made = state({}, { a: row, b: ready })
    const outcome = decideDue(result, made, STEPS, `${RUN}/a`)
    expect(outcome.writes).toEqual([{ store: 'steps', key: `${RUN}/a`, value: { ...ready, attempt: 2, sinceMs: NOW } }])
    expect(records(outcome)).toMatchObject([{ topic: 'route', kind: 'StepReady', stepId: 'a', attempt: 2 }])
  })

  it('a step that is due in a state without a timer is a broken invariant', () => {
    const made = state({}, { a: { ...ready, dueAtMs: NOW } })
    expect(() => decideDue(result, made, STEPS, `${RUN}/a`)).toThrow("is due in state 'ready'")
  })
})

it('a run of 1,000 steps is not rewritten as it goes', () => {
  const many = Array.from({ length: 1000 }, (_, i) => ({
    id: `s${i}`,
    type: 'echo',
    with: {},
    after: i === 0 ? [] : [`s${i - 1}`],
  }))
  const made = new TestState()
  decide(control, made, publication({ flow: 'test', steps: many }))
  made.set(RUNS, RUN, { ...head, ended: 500 })
  made.set(STEPS, `${RUN}/s500`, ready)
  expect(decide(result, made, finished('s500', '1')).writes).toHaveLength(4)
})
