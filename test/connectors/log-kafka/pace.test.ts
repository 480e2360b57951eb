import { expect, it } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import { Pace } from '../../../connectors/log-kafka/pace.ts'

const SMALL = 100
const LARGE = 4_000

function paceAt() {
  let nowMs = 0
  const pace = new Pace({ ...realEnvironment, monotonic: () => nowMs })
  const after = (ms: number, records: number, tookMs: number, bytesEach = SMALL): number => {
    nowMs += ms
    return pace.restAfter(tookMs, records, records * bytesEach)
  }
  return { pace, after }
}

it.each([
  ['nobody rests while little is written, however slow that is', 10, 40, 100, SMALL, 0, 0],
  ['nor if that is large', 10, 40, 100, LARGE, 0, 0],
  ['nobody rests while commits are quick, however much is written', 5, 100, 8, SMALL, 0, 0],
  ['nor if that is large', 5, 100, 8, LARGE, 0, 0],
  ['much is written slowly: as long as was waited', 10, 60, 20, SMALL, 12, 0],
  ['much that is large: twice as long, and what is read is gathered', 10, 60, 20, LARGE, 24, 15],
  ['never longer than 40 ms', 10, 60, 500, SMALL, 40, 0],
  ['never longer than 60 ms', 10, 60, 500, LARGE, 60, 15],
] as const)('%s', (_what, everyMs, records, tookMs, bytesEach, rest, gather) => {
  const { pace, after } = paceAt()
  const rests = Array.from({ length: 200 }, () => after(everyMs, records, tookMs, bytesEach))
  expect([rests.at(-1), pace.gatherMs, pace.progressMs]).toEqual([rest, gather, Math.max(5, gather)])
})

it('gathers by the mean of commits: one that is late changes nothing', () => {
  const { pace, after } = paceAt()
  for (let commits = 0; commits < 100; commits++) after(10, 60, 3, LARGE)
  after(10, 60, 30, LARGE)
  expect(pace.gatherMs).toBe(0)
})

it('begins after half a second of it, and ends when there is less to write', () => {
  const { after } = paceAt()
  expect([after(1, 2_500, 30), after(400, 2_500, 30), after(200, 0, 30)]).toEqual([0, 0, 22])
  // what came in the time before is what counts
  expect([after(600, 10, 30), after(600, 10, 30)]).toEqual([0, 0])
})
