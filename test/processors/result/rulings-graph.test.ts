/** Rulings of the flow language on joins, conditions and skips, each as a run’s story. */
import { describe, expect, it } from 'vitest'
import { graph, RUN, scenario } from './scenario.ts'

const echo = (id: string, more: object = {}) => ({ id, type: 'echo', with: {}, ...more })
const flow = (steps: readonly object[], more: object = {}) => ({ flow: 'test', steps, ...more })

describe('a run of three steps', () => {
  it('goes from submission to output, one event per change, and leaves nothing behind', () => {
    const s = scenario(
      flow([
        { id: 'a', type: 'echo', with: { n: '${input.n}' } },
        { id: 'b', type: 'echo', with: '${steps.a.output}' },
        { id: 'c', type: 'echo', with: 'n is ${steps.b.output.n}' },
      ]),
      { input: '{"n":5}' as never },
    )
    expect([...s.attempts.values()]).toEqual([{ runId: RUN, stepId: 'a', attempt: 1, input: { n: 5 } }])
    s.finish('a', { n: 6 })
    expect(s.attempts.get(`${RUN}/b`)?.input).toEqual({ n: 6 })
    s.finish('b', { n: 7 })
    expect(s.attempts.get(`${RUN}/c`)?.input).toBe('n is 7')
    s.finish('c', 'done')
    expect(s.story()).toEqual(['RunAccepted', 'StepCompleted a', 'StepCompleted b', 'StepCompleted c', 'RunCompleted'])
    expect(s.records('RunCompleted')[0]?.output).toBe('"done"')
    expect(Object.keys(s.state.snapshot())).toEqual(['flows', 'recent_runs'])
    expect(s.records('SlotReleased').map(({ stepId, reason }) => `${stepId} ${reason}`)).toEqual([
      'a finished',
      'b finished',
      'c finished',
    ])
  })
})

describe('joins', () => {
  it('all: waits for every dependency', () => {
    const s = scenario(graph({ a: [], b: [], c: ['a', 'b'] }))
    s.finish('a')
    expect(s.running()).toEqual(['b#1'])
    s.finish('b')
    expect(s.running()).toEqual(['c#1'])
  })

  it('any: runs at the first completion, later ones change nothing', () => {
    const s = scenario(flow([echo('a'), echo('b'), echo('c', { after: ['a', 'b'], join: 'any' })]))
    s.finish('b')
    expect(s.running()).toEqual(['a#1', 'c#1'])
    s.finish('a')
    expect(s.running()).toEqual(['c#1'])
    s.finish('c', 1)
    expect(s.story().filter((event) => event.endsWith(' c'))).toEqual(['StepCompleted c'])
    expect(s.story().at(-1)).toBe('RunCompleted')
  })

  it.each([
    ['text', '${steps.a.output || `"none"`} and ${steps.b.output}', 'none and B'],
    ['whole', '${steps.a.output}', null],
  ])('any: what completes later is not seen by the step, nor by its next attempts (%s)', (_form, given, seen) => {
    const retry = { attempts: 3, base: '1s', jitter: 0 }
    const s = scenario(flow([echo('a'), echo('b'), echo('c', { after: ['a', 'b'], join: 'any', with: given, retry })]))
    s.finish('b', 'B')
    expect(s.attempts.get(`${RUN}/c`)?.input).toBe(seen)
    s.fail('c', { class: 'transient' })
    s.finish('a', 'A')
    s.advance(1000)
    expect(s.attempts.get(`${RUN}/c`)).toMatchObject({ attempt: 2, input: seen })
  })

  it('any: a completion after the step has ended changes nothing', () => {
    const s = scenario(flow([echo('a'), echo('b'), echo('c', { after: ['a', 'b'], join: 'any' })]))
    s.finish('b')
    s.finish('c', 1)
    expect(s.story()).not.toContain('RunCompleted')
    s.finish('a')
    expect(s.story().slice(-2)).toEqual(['StepCompleted a', 'RunCompleted'])
  })

  it('a number: runs at that many completions', () => {
    const s = scenario(flow([echo('a'), echo('b'), echo('c'), echo('d', { after: ['a', 'b', 'c'], join: 2 })]))
    s.finish('c')
    expect(s.running()).toEqual(['a#1', 'b#1'])
    s.finish('a')
    expect(s.running()).toEqual(['b#1', 'd#1'])
  })

  it('any: skipped when all ended without a completion', () => {
    const s = scenario(
      flow([
        echo('a', { when: '`false`' }),
        echo('b', { when: '`false`' }),
        echo('c', { after: ['a', 'b'], join: 'any' }),
      ]),
    )
    expect(s.records('StepSkipped').map(({ stepId, reason }) => `${stepId} ${reason}`)).toEqual([
      'a condition',
      'b condition',
      'c join_not_met',
    ])
    expect(s.story().at(-1)).toBe('RunCompleted')
  })

  it('all: one skipped dependency beside a completed one does not skip', () => {
    const s = scenario(flow([echo('a'), echo('b', { when: '`false`' }), echo('c', { after: ['a', 'b'] })]))
    s.finish('a')
    expect(s.running()).toEqual(['c#1'])
  })
})

describe('conditions', () => {
  it.each([
    ['`null`', false],
    ['`false`', false],
    ["''", false],
    ['`[]`', false],
    ['`{}`', false],
    ['`0`', true],
    ["'x'", true],
    ['input.go', true],
    ['input.stop', false],
  ])('when %s is %s', (when, runs) => {
    const s = scenario(flow([echo('a', { when })]), { input: '{"go":true,"stop":""}' as never })
    expect(s.running()).toEqual(runs ? ['a#1'] : [])
  })

  it('skips travel along a chain of any length', () => {
    const ids = Array.from({ length: 1000 }, (_, i) => `s${i}`)
    const steps = ids.map((id, i) => echo(id, i === 0 ? { when: '`false`' } : { after: [ids[i - 1]] }))
    const s = scenario(flow(steps))
    expect(s.records('StepSkipped')).toHaveLength(1000)
    expect(s.story().at(-1)).toBe('RunCompleted')
    expect(Object.keys(s.state.snapshot())).toEqual(['flows', 'recent_runs'])
  })

  it('a when that fails, fails the step', () => {
    const s = scenario(flow([echo('a', { when: 'length(input.n)' })]), { input: '{"n":5}' as never })
    expect(s.records('StepFailed')[0]).toMatchObject({ stepId: 'a', attempt: 0, error: { class: 'permanent' } })
    expect(s.story().at(-1)).toBe('RunFailed')
  })

  it('an edge whose condition does not hold counts as skipped', () => {
    const document = flow([echo('a'), echo('yes'), echo('no')], {
      edges: [
        { from: 'a', to: 'yes', condition: 'steps.a.output.ok' },
        { from: 'a', to: 'no', condition: '!(steps.a.output.ok)' },
      ],
    })
    const s = scenario(document)
    s.finish('a', { ok: true })
    expect(s.running()).toEqual(['yes#1'])
    expect(s.records('StepSkipped')).toMatchObject([{ stepId: 'no', reason: 'upstream_skipped' }])
  })
})
