import { describe, expect, it } from 'vitest'
import { joinVerdict } from '../../../processors/result/join.ts'
import type { Join } from '../../../schemas/flow/model.ts'

const all: Join = { kind: 'all' }
const any: Join = { kind: 'count', count: 1 }
const two: Join = { kind: 'count', count: 2 }

describe('joinVerdict', () => {
  it.each([
    // join, dependencies, met, unmet, broken, verdict
    [all, 0, 0, 0, 0, 'upstream_skipped'],
    [all, 3, 2, 0, 0, 'wait'],
    [all, 3, 0, 0, 1, 'wait'],
    [all, 3, 3, 0, 0, 'run'],
    [all, 3, 1, 2, 0, 'run'],
    [all, 3, 0, 3, 0, 'upstream_skipped'],
    [all, 3, 2, 0, 1, 'upstream_failed'],
    [all, 3, 0, 2, 1, 'upstream_failed'],
    [any, 3, 1, 0, 0, 'run'],
    [any, 3, 1, 1, 1, 'run'],
    [any, 3, 0, 1, 1, 'wait'],
    [any, 3, 0, 2, 1, 'join_not_met'],
    [any, 2, 0, 2, 0, 'join_not_met'],
    [two, 3, 1, 0, 0, 'wait'],
    [two, 3, 2, 0, 0, 'run'],
    [two, 3, 1, 1, 0, 'wait'],
    [two, 3, 1, 1, 1, 'join_not_met'],
  ] as const)('%o of %i with met %i, unmet %i, broken %i: %s', (join, dependencies, met, unmet, broken, verdict) => {
    expect(joinVerdict(join, dependencies, { met, unmet, broken })).toBe(verdict)
  })
})
