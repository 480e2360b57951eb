import { describe, expect, it } from 'vitest'
import { checkFlow } from '../../schemas/flow/compile.ts'
import { documentOf, type ModelFlow, type ModelStep, randomFlow } from './flow-model.ts'
import { createPrng } from './prng.ts'
import { expectedOutcome } from './reference.ts'

function step(id: string, changes: Partial<ModelStep> = {}): ModelStep {
  return {
    id,
    kind: 'block',
    waitMs: 0,
    block: 'echo',
    behaviour: { ms: 0, failFirst: 0, errorClass: 'transient', hang: false },
    reads: null,
    after: [],
    conditions: {},
    join: 'all',
    when: null,
    attempts: 2,
    timeoutMs: 1_000,
    optional: false,
    ...changes,
  }
}

const failing = { ms: 0, failFirst: 9, errorClass: 'transient', hang: false } as const
const done = (id: string, value: unknown = 3) => ({ step: id, value })

describe('expectedOutcome', () => {
  const cases: readonly (readonly [string, ModelStep[], ModelFlow['onFailure'], unknown])[] = [
    [
      'a chain that reads',
      [step('a'), step('b', { after: ['a'], reads: 'a' })],
      'fail',
      { a: done('a'), b: done('b', done('a')) },
    ],
    ['a retry that helps', [step('a', { behaviour: { ...failing, failFirst: 1 } })], 'fail', { a: done('a') }],
    ['a retry that does not', [step('a', { behaviour: { ...failing, failFirst: 2 } })], 'fail', null],
    [
      'an optional failure',
      [step('a', { behaviour: failing, optional: true }), step('b', { after: ['a'] })],
      'fail',
      { a: null, b: done('b') },
    ],
    ['a condition that is false', [step('a', { when: 5 }), step('b', { after: ['a'] })], 'fail', { a: null, b: null }],
    [
      'any, with one skipped',
      [step('a', { when: 5 }), step('b'), step('c', { after: ['a', 'b'], join: 'any' })],
      'fail',
      { a: null, b: done('b'), c: done('c') },
    ],
    [
      'two of two, with one skipped',
      [step('a', { when: 5 }), step('b'), step('c', { after: ['a', 'b'], join: 2 })],
      'fail',
      { a: null, b: done('b'), c: null },
    ],
    [
      'an edge that does not hold',
      [step('a'), step('b', { after: ['a'], conditions: { a: 5 } })],
      'fail',
      { a: done('a'), b: null },
    ],
    ['a failure that others survive', [step('a', { behaviour: failing }), step('b')], 'continue', null],
    ['a wait', [step('a', { kind: 'wait' })], 'fail', { a: null }],
  ]

  it.each(cases)('%s', (_name, steps, onFailure, output) => {
    const flow: ModelFlow = { name: 'f', steps, onFailure, deadlineMs: null, sticky: false }
    const outcome = expectedOutcome(flow, { n: 3, key: 'k' })
    expect(outcome).toEqual(output === null ? { status: 'failed' } : { status: 'completed', output })
  })

  it('is asked only about flows that can be published', () => {
    const random = createPrng(7)
    for (let index = 0; index < 300; index++) {
      const checked = checkFlow(JSON.stringify(documentOf(randomFlow(random, `flow-${index}`))))
      expect(checked.ok ? [] : checked.problems).toEqual([])
    }
  })
})
