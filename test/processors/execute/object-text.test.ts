import { expect, test } from 'vitest'
import { inputCheck } from '../../../processors/execute/input-check.ts'
import { objectText } from '../../../processors/execute/object-text.ts'

test.each([
  [{}, 'an object without fields'],
  [{ output: 1, backend: 'cpu' }, 'an object with output, backend'],
  [{ a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1 }, 'an object with a, b, c, d, e, f, ...'],
  [{ ['x'.repeat(100)]: 1 }, `an object with ${'x'.repeat(40)}`],
])('%j is %s', (value, text) => {
  expect(objectText(value)).toBe(text)
})

test('an input that is an object instead of a list is said to have its fields', () => {
  const check = inputCheck({ type: 'object', properties: { rows: { type: 'array' } } })
  expect(check({ rows: { output: [1], backend: 'cpu' } })).toEqual({
    path: '/rows',
    found: 'an object with output, backend',
    expected: 'array',
  })
})
