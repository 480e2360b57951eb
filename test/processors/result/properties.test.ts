/** What holds for any graph, whatever its steps do and in whatever order results arrive, once or more often. */

import { expect, it } from 'vitest'
import type { EventRecord } from '../../../schemas/records/index.ts'
import type { AttemptFinished } from '../../../schemas/records/result.ts'
import { fc } from '../../support/fast-check.ts'
import { ended, RUN, type Running, type Scenario, scenario } from './scenario.ts'

interface Node {
  readonly after: readonly number[]
  readonly join: 'all' | 'any' | number
  readonly when: boolean
  readonly optional: boolean
  readonly attempts: number
}
interface Plan {
  readonly nodes: readonly Node[]
  readonly onFailure: 'fail' | 'continue'
  readonly deadline: boolean
}

const node = (index: number): fc.Arbitrary<Node> =>
  fc
    .subarray(
      Array.from({ length: index }, (_, i) => i),
      { maxLength: Math.min(4, index) },
    )
    .chain((after) =>
      fc.record({
        after: fc.constant(after),
        join:
          after.length === 0
            ? fc.constant('all' as const)
            : fc.constantFrom('all' as const, 'any' as const, after.length),
        when: fc.boolean().map((flag) => flag || index % 3 !== 0),
        optional: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
        attempts: fc.integer({ min: 1, max: 3 }),
      }),
    )

const plans: fc.Arbitrary<Plan> = fc.integer({ min: 1, max: 9 }).chain((length) =>
  fc.record({
    nodes: fc.tuple(...Array.from({ length }, (_, i) => node(i))),
    onFailure: fc.constantFrom('fail' as const, 'continue' as const),
    deadline: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  }),
)

/** What happens next: which running attempt ends, how, and what arrives again. */
const moves = fc.array(
  fc.record({
    pick: fc.nat(1000),
    status: fc.constantFrom('success', 'success', 'success', 'error', 'timeout', 'lost') as fc.Arbitrary<
      AttemptFinished['status']
    >,
    transient: fc.boolean(),
    again: fc.option(fc.nat(1000), { nil: null }),
  }),
  { minLength: 60, maxLength: 60 },
)
type Move = typeof moves extends fc.Arbitrary<(infer M)[]> ? M : never

const id = (index: number) => `s${index}`

function document({ nodes, onFailure, deadline }: Plan): object {
  const steps = nodes.map(({ after, join, when, optional, attempts }, index) => ({
    id: id(index),
    type: 'echo',
    with: {},
    after: after.map(id),
    ...(after.length === 0 ? {} : { join }),
    when: when ? '`true`' : '`false`',
    optional,
    retry: { attempts, backoff: 'fixed', base: '1s', jitter: 0.5 },
  }))
  return { flow: 'test', onFailure, steps, ...(deadline ? { deadline: '3s' } : {}) }
}

const TERMINAL = ['RunCompleted', 'RunFailed', 'RunCancelled', 'RunTimedOut']
const STEP_ENDS = ['StepCompleted', 'StepFailed', 'StepSkipped', 'StepCancelled']
const isOver = (s: Scenario) => s.events().some(({ kind }) => TERMINAL.includes(kind))

function recordOf({ runId, stepId, attempt }: Running, { status, transient }: Move): AttemptFinished {
  const error = {
    code: 'E',
    message: '',
    class: transient ? 'transient' : 'permanent',
    retryAfterMs: null,
    detail: null,
  }
  return ended(runId, stepId, attempt, status, '1' as never, status === 'success' ? null : (error as never))
}

/** Plays the moves until the run is over. With `repeats`, results that have arrived before arrive again in between. */
function play(plan: Plan, list: readonly Move[], repeats: boolean): Scenario {
  const s = scenario(document(plan))
  const sent: AttemptFinished[] = []
  for (const move of list) {
    if (isOver(s)) break
    const running = [...s.attempts.values()]
    if (running.length === 0) s.advance(2000)
    else {
      const record = recordOf(running[move.pick % running.length]!, move)
      s.send('result', record)
      sent.push(record)
    }
    if (repeats && move.again !== null && sent.length > 0) {
      s.send('result', { ...sent[move.again % sent.length]!, status: 'success', output: '"again"' as never })
    }
  }
  return s
}

const stepOf = (event: EventRecord) => ('stepId' in event ? event.stepId : null)

function checkRun(plan: Plan, s: Scenario): void {
  const events = s.events()
  const ends = events.filter(({ kind }) => TERMINAL.includes(kind))
  expect(ends).toHaveLength(1)
  expect(events[0]?.kind).toBe('RunAccepted')
  expect(events.at(-1)).toBe(ends[0])
  const stepEnds = events.filter(({ kind }) => STEP_ENDS.includes(kind)).map(stepOf)
  expect(new Set(stepEnds).size).toBe(stepEnds.length)
  if (ends[0]!.kind === 'RunCompleted') expect(stepEnds).toHaveLength(plan.nodes.length)
  const failed = ends[0]!.kind === 'RunFailed' || ends[0]!.kind === 'RunTimedOut'
  expect(s.records('DeadLetter')).toHaveLength(failed ? 1 : 0)
  const { runs, steps, payloads } = s.state.snapshot()
  expect({ runs, steps, payloads }).toEqual({})
  const slot = ({ stepId, attempt }: { stepId: string; attempt: number }) => `${stepId}#${attempt}`
  expect(s.records('SlotReleased').map(slot).sort()).toEqual(s.records('StepReady').map(slot).sort())
  checkOrder(plan, s)
}

/** A step begins only when its dependencies allow it. */
function checkOrder(plan: Plan, s: Scenario): void {
  const over = new Map<string, string>()
  for (const { record } of s.emits) {
    if (record.kind === 'StepReady' && record.attempt === 1) {
      const { after, join, when } = plan.nodes[Number(record.stepId.slice(1))]!
      const states = after.map((index) => over.get(id(index)))
      const met = states.filter((state) => state === 'met').length
      expect(when).toBe(true)
      if (join === 'all') expect(states).not.toContain(undefined)
      if (join === 'all') expect(states).not.toContain('broken')
      if (after.length > 0) expect(met).toBeGreaterThanOrEqual(join === 'all' || join === 'any' ? 1 : join)
    }
    if (record.kind === 'StepCompleted') over.set(record.stepId, 'met')
    if (record.kind === 'StepSkipped') over.set(record.stepId, 'unmet')
    if (record.kind === 'StepFailed') over.set(record.stepId, record.optional ? 'met' : 'broken')
  }
}

it('every run ends exactly once, each step at most once, in an order the graph allows', () => {
  fc.assert(
    fc.property(plans, moves, (plan, list) => {
      checkRun(plan, play(plan, list, false))
    }),
    { numRuns: 500 },
  )
})

it('results that arrive again, whatever they say, change nothing', () => {
  fc.assert(
    fc.property(plans, moves, (plan, list) => {
      const once = play(plan, list, false)
      const often = play(plan, list, true)
      const told = (s: Scenario) =>
        s.events().map((event) => ({ ...event, causeOffset: 0, causeTopic: '', atMs: event.atMs }))
      expect(told(often)).toEqual(told(once))
    }),
    { numRuns: 300 },
  )
})

it('a cancel at any moment ends the run at once, and nothing after it counts', () => {
  fc.assert(
    fc.property(plans, moves, fc.nat(10), (plan, list, after) => {
      const s = play(plan, list.slice(0, after), true)
      if (isOver(s)) return
      const late = [...s.attempts.values()]
      const cancel = { reason: null, requestedBy: null, force: false, replyTo: null }
      s.send('result', { kind: 'CancelRun', runId: RUN, tenant: 'default' as never, ...cancel })
      const events = s.events().length
      for (const running of late) s.send('result', recordOf(running, list[0]!))
      s.advance(1_000_000 - 1)
      expect(s.events()).toHaveLength(events)
      checkRun(plan, s)
      expect(s.events().at(-1)?.kind).toBe('RunCancelled')
    }),
    { numRuns: 200 },
  )
})
