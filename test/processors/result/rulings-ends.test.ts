/** Rulings of the flow language on waits, the ends of a run, replays, each as a run’s story. */
import { describe, expect, it } from 'vitest'
import { graph, RUN, scenario } from './scenario.ts'

const echo = (id: string, more: object = {}) => ({ id, type: 'echo', with: {}, ...more })
const flow = (steps: readonly object[], more: object = {}) => ({ flow: 'test', steps, ...more })

describe('waits', () => {
  it('for a time, without any worker', () => {
    const s = scenario(flow([{ id: 'a', type: 'wait', with: { for: '10m' } }, echo('b', { after: ['a'] })]))
    expect(s.records('StepWaiting')[0]).toMatchObject({ stepId: 'a', waitsFor: 'timer', untilMs: 1_600_000 })
    s.advance(599_999)
    expect(s.running()).toEqual([])
    s.advance(1)
    expect(s.running()).toEqual(['b#1'])
    expect(s.records('StepCompleted')[0]).toMatchObject({
      stepId: 'a',
      output: 'null',
      workerId: null,
      startedAtMs: 1_000_000,
      finishedAtMs: 1_600_000,
    })
    expect(s.records('SlotReleased')).toEqual([])
  })

  it('until an instant that an expression gives', () => {
    const s = scenario(flow([{ id: 'a', type: 'wait', with: { until: 'input.at' } }]), {
      input: '{"at":"1970-01-01T00:20:00Z"}' as never,
    })
    s.advance(200_000)
    expect(s.records('RunCompleted')[0]).toMatchObject({ atMs: 1_200_000 })
  })

  it('an instant that is none fails the step', () => {
    const s = scenario(flow([{ id: 'a', type: 'wait', with: { until: 'input.at' } }]), {
      input: '{"at":"soon"}' as never,
    })
    expect(s.records('StepFailed')[0]?.error).toMatchObject({ code: 'WAIT_UNTIL_INVALID' })
    expect(s.story().at(-1)).toBe('RunFailed')
  })

  it('an instant in the past is over at once', () => {
    const s = scenario(flow([{ id: 'a', type: 'wait', with: { until: 'input.at' } }]), { input: '{"at":5}' as never })
    s.advance(0)
    expect(s.story().at(-1)).toBe('RunCompleted')
  })
})

describe('ends of a run', () => {
  it('the deadline stops everything, and later results change nothing', () => {
    const s = scenario(graph({ a: [], b: [] }, { deadline: '5s' }))
    const late = s.attempts.get(`${RUN}/b`)!
    s.finish('a', 1)
    s.advance(5000)
    expect(s.story().slice(2)).toEqual(['StepCancelled b', 'RunTimedOut'])
    expect(s.records('RunTimedOut')[0]).toMatchObject({ deadlineAtMs: 1_005_000, letterId: RUN })
    expect(s.records('DeadLetter')[0]).toMatchObject({
      category: 'run_failed',
      error: { code: 'RUN_TIMED_OUT' },
      run: { failedStep: null, completed: [{ stepId: 'a', output: '1' }] },
    })
    expect(late.attempt).toBe(1)
    s.advance(100_000)
    expect(s.story()).toHaveLength(4)
  })

  it('cancel reaches running, retrying and waiting steps, and leaves no dead letter', () => {
    const retry = { attempts: 2, base: '1h', max: '1h' }
    const s = scenario(flow([echo('a'), echo('b', { retry }), { id: 'c', type: 'wait', with: { for: '1h' } }]))
    s.fail('b', { class: 'transient' })
    const emitted = s.send('result', {
      kind: 'CancelRun',
      runId: RUN,
      tenant: 'default' as never,
      reason: 'enough',
      requestedBy: 'me',
      force: false,
      replyTo: { partition: 3, correlation: 'x' },
    })
    expect(s.story().slice(-4)).toEqual(['StepCancelled a', 'StepCancelled b', 'StepCancelled c', 'RunCancelled'])
    expect(s.records('RunCancelled')[0]).toMatchObject({ reason: 'enough', requestedBy: 'me' })
    expect(emitted.filter(({ topic }) => topic === 'route').map(({ record }) => record)).toMatchObject([
      { kind: 'SlotReleased', stepId: 'a', reason: 'withdrawn' },
    ])
    expect(s.records('DeadLetter')).toEqual([])
    expect(s.replies).toMatchObject([{ ok: true, code: 'cancelled', body: { run_id: RUN, status: 'cancelled' } }])
    s.advance(10_000_000)
    expect(s.story().at(-1)).toBe('RunCancelled')
  })

  it('the output expression sees every step', () => {
    const s = scenario(graph({ a: [], b: [] }, { output: { sum: '${[steps.a.output, steps.b.output]}' } }))
    s.finish('a', 1)
    s.finish('b', 2)
    expect(s.records('RunCompleted')[0]?.output).toBe('{"sum":[1,2]}')
  })

  it('an output expression that fails makes the run failed; steps keep their results', () => {
    const s = scenario(graph({ a: [] }, { output: 'n: ${steps.a.output}' }))
    s.finish('a', { not: 'text' })
    expect(s.records('RunFailed')[0]).toMatchObject({ failedStep: null, error: { code: 'OUTPUT_EXPRESSION' } })
    expect(s.records('DeadLetter')[0]?.run?.completed).toEqual([{ stepId: 'a', output: '{"not":"text"}' }])
  })

  it('without an output expression: the last step’s output, or those of all last steps', () => {
    const s = scenario(graph({ a: [], b: ['a'], c: ['a'], d: ['a'] }))
    s.finish('a')
    s.finish('c', { c: 1 })
    s.finish('d')
    s.finish('b', 'b')
    expect(s.records('RunCompleted')[0]?.output).toBe('{"b":"b","c":{"c":1},"d":null}')
  })
})

describe('replay', () => {
  it('goes on where the run failed, with the outputs it had', () => {
    const document = graph({ a: [], b: ['a'], c: ['a'], d: ['b', 'c'] })
    const s = scenario(document, {
      replay: {
        of: '00000000-0000-8000-8000-00000000000a' as never,
        replayId: 'r1',
        letterId: 'l1',
        completed: [
          { stepId: 'a' as never, output: '{"x":1}' as never },
          { stepId: 'c' as never, output: '"c"' as never },
          { stepId: 'gone' as never, output: '1' as never },
        ],
      },
    })
    expect(s.records('RunAccepted')[0]).toMatchObject({
      replayOf: '00000000-0000-8000-8000-00000000000a',
      replayId: 'r1',
      letterId: 'l1',
      takenOver: ['a', 'c'],
    })
    expect(s.running()).toEqual(['b#1'])
    s.fail('b')
    expect(s.records('DeadLetter')[0]).toMatchObject({ parentLetterId: 'l1', run: { completed: [{}, {}] } })
  })

  it('a step taken over is not run again by one before it that is', () => {
    const s = scenario(graph({ a: [], b: ['a'], c: ['b'] }), {
      replay: {
        of: RUN,
        replayId: 'r1',
        letterId: 'l1',
        completed: [{ stepId: 'b' as never, output: '1' as never }],
      },
    })
    expect(s.running()).toEqual(['a#1', 'c#1'])
    s.finish('a')
    expect(s.running()).toEqual(['c#1'])
    s.finish('c')
    expect(s.story().at(-1)).toBe('RunCompleted')
  })

  it('with every step taken over it ends at once', () => {
    const s = scenario(graph({ a: [] }), {
      replay: { of: RUN, replayId: 'r', letterId: 'l', completed: [{ stepId: 'a' as never, output: '7' as never }] },
    })
    expect(s.story()).toEqual(['RunAccepted', 'RunCompleted'])
    expect(s.records('RunCompleted')[0]?.output).toBe('7')
  })
})

describe('stickiness', () => {
  it('comes from the submission, else from the flow', () => {
    const document = graph({ a: [] }, { sticky: { key: 'input.user', ttl: '10m' } })
    const from = scenario(document, { input: '{"user":"ann"}' as never })
    expect(from.records('StepReady')[0]).toMatchObject({ stickyKey: 'ann', stickyTtlMs: 600_000 })
    const given = scenario(document, { input: '{"user":"ann"}' as never, stickyKey: 'bob' })
    const long = scenario(document, { input: JSON.stringify({ user: 'x'.repeat(100_000) }) as never })
    const alike = scenario(document, { input: JSON.stringify({ user: `${'x'.repeat(99_999)}y` }) as never })
    const keys = [long, alike].map((s) => s.records('StepReady')[0]!.stickyKey!)
    expect(keys.map((key) => key.length <= 256)).toEqual([true, true])
    expect(keys[0]).not.toBe(keys[1])
    expect(given.records('StepReady')[0]).toMatchObject({ stickyKey: 'bob', stickyTtlMs: 600_000 })
    const none = scenario(document)
    expect(none.records('StepReady')[0]).toMatchObject({ stickyKey: null, stickyTtlMs: null })
  })
})
