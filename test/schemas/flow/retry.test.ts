import { expect, test } from 'vitest'
import { parseDuration } from '../../../schemas/flow/duration.ts'
import { nearest } from '../../../schemas/flow/nearest.ts'
import { Problems } from '../../../schemas/flow/problems.ts'
import { checkRetry, RETRY_PRESETS } from '../../../schemas/flow/retry.ts'
import type { Json } from '../../../schemas/json.ts'

const check = (value: Json) => {
  const problems = new Problems()
  const policy = checkRetry(value, ['retry'], problems)
  expect(problems.list).toEqual([])
  return policy
}

test('presets are those of the contracts', () => {
  const table = Object.entries(RETRY_PRESETS).map(([name, { attempts, baseMs, maxMs }]) => [
    name,
    attempts,
    baseMs,
    maxMs,
  ])
  expect(table).toEqual([
    ['aggressive', 5, 1_000, 15_000],
    ['conservative', 3, 2_000, 30_000],
    ['patient', 10, 5_000, 300_000],
    ['email', 5, 2_000, 60_000],
    ['api', 4, 500, 10_000],
    ['database', 3, 100, 2_000],
    ['payment', 3, 1_000, 10_000],
  ])
  for (const name of Object.keys(RETRY_PRESETS)) {
    expect(check(name)).toMatchObject({ backoff: 'exponential', jitter: 0.1, on: null, notOn: [] })
  }
})

test.each<[Json, object]>([
  [{}, { attempts: 3, baseMs: 2_000, maxMs: 30_000 }],
  [{ attempts: 1 }, { attempts: 1 }],
  [{ base: '1m' }, { baseMs: 60_000, maxMs: 60_000 }],
  [{ max: '1s' }, { baseMs: 1_000, maxMs: 1_000 }],
  [
    { base: '0ms', jitter: 0 },
    { baseMs: 0, jitter: 0 },
  ],
  [{ backoff_ms: 250 }, { baseMs: 250 }],
  [
    { on: 'permanent', notOn: [3001] },
    { on: ['permanent'], notOn: ['3001'] },
  ],
])('%j is %j', (value, expected) => {
  expect(check(value)).toMatchObject(expected)
})

test.each([
  ['200ms', 200],
  ['10s', 10_000],
  ['5m', 300_000],
  ['24h', 86_400_000],
  ['7d', 604_800_000],
  ['1.5s', 1_500],
  ['0ms', 0],
  ['3650d', 315_360_000_000],
  ['3651d', null],
  ['10', null],
  ['-1s', null],
  ['1 s', null],
  ['1e3s', null],
  ['', null],
  [`${'9'.repeat(400)}d`, null],
])('the length of time %s is %s ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
})

test.each([
  ['stpes', ['steps', 'edges'], 'steps'],
  ['Timeout', ['timeout'], 'timeout'],
  ['retyr', ['retry', 'entry'], 'retry'],
  ['zzz', ['steps'], null],
  ['x'.repeat(100_000), ['steps'], null],
])('the name nearest to %s of %j is %s', (found, known, expected) => {
  expect(nearest(found, known)).toBe(expected)
})
