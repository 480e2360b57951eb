import { expect, it } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import { Pace } from '../../../connectors/log-kafka/pace.ts'

/** Rests after commits of so many records and milliseconds, each ended `everyMs` after the one before. */
function rests(everyMs: number, records: number, tookMs: number, commits = 200): number[] {
  let nowMs = 0
  const pace = new Pace({ ...realEnvironment, monotonic: () => nowMs })
  return Array.from({ length: commits }, () => {
    nowMs += everyMs
    return pace.restAfter(tookMs, records)
  })
}

it.each([
  ['nobody rests while little is written, however slow that is', 10, 40, 100, 0],
  ['nobody rests while commits are quick, however much is written', 5, 100, 8, 0],
  ['much is written slowly: as long as was waited', 10, 60, 20, 12],
  ['never longer than 40 ms', 10, 60, 500, 40],
] as const)('%s', (_what, everyMs, records, tookMs, expected) => {
  expect(rests(everyMs, records, tookMs).at(-1)).toBe(expected)
})

it('begins after half a second of it, and ends when there is less to write', () => {
  let nowMs = 0
  const pace = new Pace({ ...realEnvironment, monotonic: () => nowMs })
  const after = (ms: number, records: number): number => {
    nowMs += ms
    return pace.restAfter(30, records)
  }
  expect([after(1, 2_500), after(400, 2_500), after(200, 0)]).toEqual([0, 0, 22])
  // what came in the time before is what counts
  expect([after(600, 10), after(600, 10)]).toEqual([0, 0])
})
