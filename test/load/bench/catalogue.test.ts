import { expect, test } from 'vitest'
import { choose } from '../../../load/bench/catalogue.ts'

const names = (only: string | undefined, peers: boolean) => choose('embedded', only, peers).map(({ name }) => name)

test('a benchmark that is asked for twice runs once', () => {
  expect(names('peers', true)).toEqual(['peers'])
  expect(names('closed, open,closed', true)).toEqual(['closed', 'open', 'peers'])
})

test('without names all run but those on demand', () => {
  expect(names(undefined, false)).toContain('closed')
  expect(names(undefined, false)).not.toContain('peers')
})

test('one that is not known, or is not for the log, is refused', () => {
  expect(() => names('closed,nonsense', false)).toThrow(/nonsense/)
  expect(() => choose('kafka', 'peers', false)).toThrow("benchmark 'peers' does not run on the log 'kafka'")
})
