/** docs/delivery.md names, for each promise, the tests that show it. That links lead somewhere is checked with those of the other documents. */
import { expect, it } from 'vitest'
import { read } from './documents.ts'

const rows = read('docs/delivery.md')
  .split('\n')
  .filter((line) => line.startsWith('| **'))

it('has promises', () => {
  expect(rows.length).toBeGreaterThan(8)
})

it.each(rows)('%s', (row) => {
  const tests = [...row.matchAll(/\]\(\.\.\/(test\/[^)]+)\)/g)].map((found) => found[1]!)
  expect(tests.length).toBeGreaterThan(0)
  for (const path of tests) expect(read(path), path).toMatch(/\b(?:it|test|\w*[cC]onformance)(?:\.each)?\(/)
})
