import { describe, expect, it } from 'vitest'
import {
  hasEnded,
  IllegalTransition,
  RUN_STATES,
  RUN_TRANSITIONS,
  runMove,
  STEP_STATES,
  STEP_TRANSITIONS,
  stepMove,
} from '../../../processors/result/states.ts'

describe('transitions', () => {
  it('terminal states absorb', () => {
    const endsOfRuns = RUN_STATES.filter((state) => RUN_TRANSITIONS[state].length === 0)
    const endsOfSteps = STEP_STATES.filter((state) => STEP_TRANSITIONS[state].length === 0)
    expect(endsOfRuns).toEqual(['completed', 'failed', 'cancelled', 'timed_out'])
    expect(endsOfSteps).toEqual(['failed', 'timed_out', 'cancelled', 'skipped', 'compensated', 'compensation_failed'])
  })

  it('every state but the first can be reached', () => {
    expect(new Set(Object.values(STEP_TRANSITIONS).flat())).toEqual(new Set(STEP_STATES.slice(1)))
    expect(new Set(Object.values(RUN_TRANSITIONS).flat())).toEqual(new Set(RUN_STATES.slice(1)))
  })

  it('what has ended does not begin again', () => {
    for (const from of STEP_STATES.filter(hasEnded)) expect(STEP_TRANSITIONS[from].every(hasEnded)).toBe(true)
  })

  it.each([
    ['completed', 'failed'],
    ['skipped', 'ready'],
    ['pending', 'running'],
    ['retrying', 'completed'],
    ['waiting', 'retrying'],
  ] as const)('a step cannot go from %s to %s', (from, to) => {
    expect(() => stepMove('a', from, to)).toThrow(new IllegalTransition('step a', from, to))
  })

  it('a run ends once', () => {
    expect(runMove('r', 'running', 'failed')).toBe('failed')
    expect(() => runMove('r', 'failed', 'completed')).toThrow("run r cannot go from 'failed' to 'completed'")
  })
})
