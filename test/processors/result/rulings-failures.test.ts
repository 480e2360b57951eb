/** Rulings of the flow language on failures, retries and late results, each as a run’s story. */
import { describe, expect, it } from 'vitest'
import { graph, RUN, scenario } from './scenario.ts'

const echo = (id: string, more: object = {}) => ({ id, type: 'echo', with: {}, ...more })
const flow = (steps: readonly object[], more: object = {}) => ({ flow: 'test', steps, ...more })

describe('failures', () => {
  it('fail: the first one stops the rest and leaves a dead letter', () => {
    const s = scenario(graph({ a: [], b: ['a'], c: ['a'], d: ['b'] }), { input: '{"n":1}' as never })
    s.finish('a', { x: 1 })
    s.fail('b', { code: 'BAD', class: 'permanent' })
    expect(s.story().slice(2)).toEqual(['StepFailed b', 'StepCancelled c', 'RunFailed'])
    expect(s.records('SlotReleased').at(-1)).toMatchObject({ stepId: 'c', attempt: 1, reason: 'withdrawn' })
    expect(s.records('RunFailed')[0]).toMatchObject({ failedStep: 'b', letterId: RUN, error: { code: 'BAD' } })
    expect(s.records('DeadLetter')[0]).toMatchObject({
      letterId: RUN,
      category: 'run_failed',
      error: { code: 'BAD' },
      parentLetterId: null,
      run: { failedStep: 'b', attempts: 1, input: '{"n":1}', completed: [{ stepId: 'a', output: '{"x":1}' }] },
    })
    expect(s.running()).toEqual([])
    expect(Object.keys(s.state.snapshot())).toEqual(['flows', 'recent_runs'])
  })

  it('continue: finishes the branches that can, then fails with the first error', () => {
    const s = scenario(graph({ a: [], b: [], c: ['a'], d: ['b'], e: ['c', 'd'] }, { onFailure: 'continue' }))
    s.fail('a', { code: 'BAD' })
    expect(s.running()).toEqual(['b#1'])
    s.finish('b')
    s.finish('d')
    s.finish('e')
    expect(s.story()).toEqual([
      'RunAccepted',
      'StepFailed a',
      'StepSkipped c',
      'StepCompleted b',
      'StepCompleted d',
      'StepCompleted e',
      'RunFailed',
    ])
    expect(s.records('StepSkipped')[0]?.reason).toBe('upstream_failed')
    expect(s.records('RunFailed')[0]).toMatchObject({ failedStep: 'a', error: { code: 'BAD' } })
  })

  it('continue: any may still be met', () => {
    const s = scenario(
      flow([echo('a'), echo('b'), echo('c', { after: ['a', 'b'], join: 'any' })], { onFailure: 'continue' }),
    )
    s.fail('a')
    s.finish('b')
    expect(s.running()).toEqual(['c#1'])
  })

  it('optional: its dependents see it as completed, with null and the error', () => {
    const s = scenario(
      flow([
        echo('a', { optional: true }),
        echo('b', { with: { output: '${steps.a.output}', code: '${steps.a.error.code}', was: '${steps.a.status}' } }),
      ]),
    )
    s.fail('a', { code: 'BAD' })
    expect(s.records('StepFailed')[0]).toMatchObject({ stepId: 'a', optional: true, status: 'failed' })
    expect(s.attempts.get(`${RUN}/b`)?.input).toEqual({ output: null, code: 'BAD', was: 'failed' })
    s.finish('b', 1)
    expect(s.story().at(-1)).toBe('RunCompleted')
  })

  it('an error of class terminal fails the run at once, optional or not, under continue too', () => {
    const s = scenario(flow([echo('a', { optional: true }), echo('b')], { onFailure: 'continue' }))
    s.fail('a', { class: 'terminal' })
    expect(s.story().slice(1)).toEqual(['StepFailed a', 'StepCancelled b', 'RunFailed'])
    expect(s.records('StepFailed')[0]).toMatchObject({ optional: false })
  })

  it('a template that lacks its value fails the step, naming it', () => {
    const s = scenario(flow([echo('a', { with: { text: 'x ${input.gone}' } })]))
    expect(s.records('StepFailed')[0]).toMatchObject({
      stepId: 'a',
      attempt: 1,
      error: { code: 'TEMPLATE_VALUE_MISSING', class: 'permanent' },
    })
    expect(s.records('RunFailed')).toHaveLength(1)
  })

  it('a failure while other roots begin leaves no trace of them with route', () => {
    const s = scenario(flow([echo('a'), echo('b', { when: 'length(`5`)' })]))
    expect(s.records('StepReady')).toEqual([])
    expect(s.records('SlotReleased')).toEqual([])
    expect(s.story()).toEqual(['RunAccepted', 'StepFailed b', 'StepCancelled a', 'RunFailed'])
  })
})

describe('retries', () => {
  const retry = { attempts: 3, backoff: 'exponential', base: '100ms', max: '10s', jitter: 0 }

  it('waits, tries again, and counts attempts', () => {
    const s = scenario(flow([echo('a', { retry })]))
    s.fail('a', { class: 'transient' })
    expect(s.records('StepRetrying')[0]).toMatchObject({ attempt: 1, retryAtMs: 1_000_100 })
    expect(s.running()).toEqual([])
    s.advance(99)
    expect(s.running()).toEqual([])
    s.advance(1)
    expect(s.running()).toEqual(['a#2'])
    s.fail('a', { class: 'transient' })
    s.advance(200)
    s.finish('a', 'ok')
    expect(s.records('StepCompleted')[0]).toMatchObject({ attempt: 3, output: '"ok"' })
    expect(s.counts.step_retries).toBe(2)
    expect(s.records('SlotReleased').map(({ attempt }) => attempt)).toEqual([1, 2, 3])
  })

  it('fails when the attempts are used up; a lost one counts', () => {
    const s = scenario(flow([echo('a', { retry: { ...retry, attempts: 2 } })]))
    s.fail('a', { code: 'WORKER_LOST', class: 'transient' }, 'lost')
    s.advance(100)
    s.fail('a', { code: 'TIMEOUT', class: 'transient' }, 'timeout')
    expect(s.records('StepFailed')[0]).toMatchObject({ status: 'timed_out', attempt: 2, error: { code: 'TIMEOUT' } })
    expect(s.records('DeadLetter')[0]?.run).toMatchObject({ attempts: 2 })
  })

  it('waits at least as long as the error asks for', () => {
    const s = scenario(flow([echo('a', { retry })]))
    s.fail('a', { class: 'transient', retryAfterMs: 7000 })
    expect(s.records('StepRetrying')[0]?.retryAtMs).toBe(1_007_000)
  })

  it('draws jitter from the run’s own sequence', () => {
    const story = () => {
      const s = scenario(flow([echo('a', { retry: { ...retry, jitter: 0.5 } })]))
      s.fail('a', { class: 'transient' })
      s.advance(1000)
      s.fail('a', { class: 'transient' })
      return s.records('StepRetrying').map(({ retryAtMs }) => retryAtMs)
    }
    const [first, second] = story()
    expect(story()).toEqual([first, second])
    expect(first).toBeGreaterThanOrEqual(1_000_050)
    expect(first).toBeLessThanOrEqual(1_000_150)
    expect(first).not.toBe(1_000_100)
  })

  it('an attempt without an error gets the one of its status', () => {
    const s = scenario(flow([echo('a', { retry: { attempts: 1 } })]))
    s.send('result', { ...s.records('StepReady')[0]!, ...lost })
    expect(s.records('StepFailed')[0]?.error).toMatchObject({ code: 'WORKER_LOST', class: 'transient' })
  })
  const lost = {
    kind: 'AttemptFinished',
    status: 'lost',
    output: null,
    error: null,
    workerId: '',
    startedAtMs: 0,
    finishedAtMs: 0,
  } as const
})

describe('late results', () => {
  it('of an attempt that has ended, of another attempt and of no run are dropped', () => {
    const s = scenario(flow([echo('a', { retry: { attempts: 2, base: '1s' } }), echo('b')]))
    const first = { ...s.attempts.get(`${RUN}/a`)! }
    const finished = (attempt: number, stepId = first.stepId) =>
      ({
        kind: 'AttemptFinished',
        runId: RUN,
        stepId,
        attempt,
        status: 'success',
        output: null,
        error: null,
        workerId: 'w',
        startedAtMs: 0,
        finishedAtMs: 0,
      }) as const
    s.fail('a', { class: 'transient' })
    const before = s.state.snapshot()
    for (const record of [finished(1), finished(2), finished(1, 'zzz' as never)]) {
      expect(s.send('result', record)).toEqual([])
    }
    expect(s.state.snapshot()).toEqual(before)
    expect(s.counts.late_results_dropped).toBe(3)
    s.advance(1000)
    s.send('result', finished(2))
    s.finish('b')
    s.send('result', finished(2))
    expect(s.counts.late_results_dropped).toBe(4)
    expect(s.story().at(-1)).toBe('RunCompleted')
  })
})
