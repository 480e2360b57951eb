import { describe, expect, test } from 'vitest'
import { type Block, BlockError } from '../../../processors/execute/block.ts'
import { blockTable } from '../../../processors/execute/block-table.ts'
import { type CarryLimits, mustCarry } from '../../../processors/execute/carry-forward.ts'
import { failureOf } from '../../../processors/execute/failure.ts'
import { inputCheck } from '../../../processors/execute/input-check.ts'
import { RecentKeys } from '../../../processors/execute/recent-keys.ts'

const LIMITS: CarryLimits = { minAgeMs: 10, records: 100, ageMs: 1_000, runs: 10 }

test.each([
  [{ records: 101, ageMs: 10, runs: 1 }, true],
  [{ records: 100, ageMs: 1_000, runs: 10 }, false],
  [{ records: 2, ageMs: 1_001, runs: 1 }, true],
  [{ records: 30, ageMs: 10, runs: 11 }, true],
  [{ records: 1_000, ageMs: 9_000, runs: 0 }, false],
  [{ records: 1_000, ageMs: 9, runs: 100 }, false],
])('mustCarry(%j) is %s', (window, expected) => {
  expect(mustCarry(window, LIMITS)).toBe(expected)
})

test('RecentKeys knows the last ones, and forgets what is older than twice as many', () => {
  const keys = new RecentKeys(10)
  for (let added = 0; added < 100; added++) {
    keys.add(`${added}`)
    for (let back = 0; back < 10 && back <= added; back++) expect(keys.has(`${added - back}`)).toBe(true)
    expect(keys.has(`${added - 20}`)).toBe(false)
  }
})

describe('inputCheck', () => {
  const schema = {
    type: 'object',
    required: ['url'],
    properties: {
      url: { type: 'string' },
      method: { enum: ['GET', 'PUT'] },
      ms: { type: ['number', 'null'], minimum: 0 },
    },
    additionalProperties: false,
  }
  test.each([
    [{ url: 'x', ms: 5 }, null],
    [{}, { path: '/url', found: 'missing', expected: 'a value' }],
    [{ url: 5 }, { path: '/url', found: '5 (number)', expected: 'string' }],
    [
      { url: 'x', uri: 1 },
      { path: '/uri', found: 'not known', expected: 'one of url, method, ms' },
    ],
    [
      { url: 'x', method: 'get' },
      { path: '/method', found: '"get" (string)', expected: 'one of ["GET","PUT"]' },
    ],
    [
      { url: 'x', ms: -1 },
      { path: '/ms', found: '-1 (number)', expected: 'a value that must be >= 0' },
    ],
    [[], { path: '', found: 'a list of 0', expected: 'object' }],
    [null, { path: '', found: 'null', expected: 'object' }],
    ['y'.repeat(100), { path: '', found: `"${'y'.repeat(39)}… (string)`, expected: 'object' }],
  ])('%j', (input, expected) => {
    expect(inputCheck(schema)(input)).toEqual(expected)
  })

  test('a schema of annotations only accepts anything', () => {
    expect(inputCheck({ title: 'any' })(['x'])).toBeNull()
  })
})

describe('failureOf', () => {
  const block: Block = {
    type: 'x',
    version: 1,
    pool: 'io',
    summary: '',
    inputSchema: {},
    errors: [{ code: 'BUSY', class: 'transient', meaning: '' }],
    example: null,
    run: () => null,
  }
  const prepared = blockTable([block]).get('x')!
  const plain = { retryAfterMs: null, detail: null }
  const cyclic: Record<string, unknown> = {}
  cyclic.self = cyclic
  test.each([
    ['declared', new BlockError('BUSY', 'later'), { code: 'BUSY', message: 'later', class: 'transient', ...plain }],
    [
      'with class, delay and detail',
      new BlockError('BUSY', 'no', { class: 'terminal', retryAfterMs: 10.2, detail: { a: 1 } }),
      { code: 'BUSY', message: 'no', class: 'terminal', retryAfterMs: 11, detail: '{"a":1}' },
    ],
    [
      'a common code',
      new BlockError('TIMEOUT', 'slow'),
      { code: 'TIMEOUT', message: 'slow', class: 'transient', ...plain },
    ],
    [
      'undeclared',
      new BlockError('OTHER', 'what'),
      {
        code: 'INTERNAL_ERROR',
        message: "the block 'x' reported the undeclared code 'OTHER': what",
        class: 'permanent',
        retryAfterMs: null,
        detail: '{"code":"OTHER"}',
      },
    ],
    [
      'another error',
      new RangeError('off'),
      { code: 'INTERNAL_ERROR', message: 'RangeError: off', class: 'permanent', ...plain },
    ],
    ['no error', 'text', { code: 'INTERNAL_ERROR', message: 'the block threw text', class: 'permanent', ...plain }],
    [
      'no text form',
      Object.create(null),
      {
        code: 'INTERNAL_ERROR',
        message: 'the block threw something that has no text form',
        class: 'permanent',
        ...plain,
      },
    ],
    [
      'detail that is no JSON, delay that is no number',
      new BlockError('BUSY', 'x', { detail: cyclic as never, retryAfterMs: Number.NaN }),
      { code: 'BUSY', message: 'x', class: 'transient', ...plain },
    ],
  ])('%s', (_name, thrown, expected) => {
    expect(failureOf(thrown, prepared)).toEqual(expected)
  })

  test('two blocks of one type are refused', () => {
    expect(() => blockTable([block, block])).toThrow("two blocks have the type 'x'")
  })
})
