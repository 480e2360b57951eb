import { expect, it } from 'vitest'
import { Freshness, MANY_EVENTS, MAX_LAG_MS } from '../../../connectors/read-model/sqlite/freshness.ts'

const cases = [
  ['nothing was looked at yet', null, 0, false],
  ['little happens', MANY_EVENTS, 0, false],
  ['much happens, and the last look is a moment ago', MANY_EVENTS + 1, MAX_LAG_MS - 1, true],
  ['much happens, and the last look is too long ago', MANY_EVENTS + 1, MAX_LAG_MS, false],
] as const

it.each(cases)('when %s', (_when, events, ms, suffices) => {
  let now = 1_000
  const freshness = new Freshness(() => now)
  if (events !== null) freshness.looked(events)
  now += ms
  expect(freshness.suffices).toBe(suffices)
})

it('goes by the last look only', () => {
  const freshness = new Freshness(() => 0)
  freshness.looked(MANY_EVENTS + 1)
  freshness.looked(1)
  expect(freshness.suffices).toBe(false)
})
