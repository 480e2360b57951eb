import { beforeEach, expect, it } from 'vitest'
import { realEnvironment } from '../../../connectors/environment.ts'
import type { GroupOffset } from '../../../connectors/kafka-client/contract.ts'
import { fencedError } from '../../../connectors/log-kafka/errors.ts'
import { ProgressCommits } from '../../../connectors/log-kafka/progress-commits.ts'
import { VirtualTime } from '../../../topology/virtual-time.ts'

const REST_MS = 5
const REQUEST_MS = 2

let time: VirtualTime
let commits: ProgressCommits
/** What went out, as `partition:offset`, with the time. */
let requests: (readonly [atMs: number, offsets: string])[]
/** Of the next request. */
let failure: Error | null

beforeEach(() => {
  time = new VirtualTime(realEnvironment, 0, 1)
  const { environment } = time
  requests = []
  failure = null
  const commitOffsets = async (offsets: readonly GroupOffset[]): Promise<void> => {
    requests.push([time.nowMs, offsets.map(({ partition, offset }) => `${partition}:${offset}`).join(' ')])
    const fails = failure
    failure = null
    await new Promise<void>((resolve) => environment.after(REQUEST_MS, resolve))
    if (fails !== null) throw fails
  }
  commits = new ProgressCommits(
    environment,
    Promise.resolve({ commitOffsets }),
    () => {},
    () => REST_MS,
  )
})

const at = (partition: number, offset: number): GroupOffset => ({ topic: 'execute.io', partition, offset })

/** Until `untilMs`, or until nothing is left to do. */
async function pass(untilMs = Number.POSITIVE_INFINITY): Promise<void> {
  await time.settle()
  if (Number.isFinite(untilMs)) time.environment.after(untilMs - time.nowMs, () => {})
  while (time.nowMs < untilMs && ((await time.runDue()) || time.advance()));
}

/** When it was settled, and how. */
function watch(work: Promise<void>): { how: string } {
  const seen = { how: 'waits' }
  work.then(
    () => {
      seen.how = `done at ${time.nowMs}`
    },
    (error: Error) => {
      seen.how = `${error.message} at ${time.nowMs}`
    },
  )
  return seen
}

it('what gathers while a request is under way and in the rest after it goes out together, the latest of each partition', async () => {
  const first = watch(commits.commit(at(0, 1)))
  await pass(1)
  const later = [at(0, 2), at(1, 7), at(0, 3)].map((offset) => watch(commits.commit(offset)))
  await pass()
  expect(requests).toEqual([
    [0, '0:1'],
    [REQUEST_MS + REST_MS, '0:3 1:7'],
  ])
  expect(first.how).toBe('done at 2')
  expect(later.map(({ how }) => how)).toEqual(Array(3).fill('done at 9'))
})

it('a flush does not rest, and waits for what was there when it was asked for, not for what keeps coming', async () => {
  void commits.commit(at(0, 1))
  await pass(3)
  void commits.commit(at(1, 1))
  let next = 1
  const more = (): void => {
    if (next < 100) void commits.commit(at(1, ++next)).then(more)
  }
  more()
  const flushed = watch(commits.flush())
  await pass(20)
  expect(requests.slice(0, 2)).toEqual([
    [0, '0:1'],
    [3, '1:2'],
  ])
  expect(flushed.how).toBe('done at 5')
  await pass()
  expect(requests.length).toBe(100)
})

it('a flush with nothing to wait for is done at once, in a rest too, and one beside a request waits for that', async () => {
  const idle = watch(commits.flush())
  await time.settle()
  void commits.commit(at(0, 1))
  const beside = watch(commits.flush())
  await pass(3)
  const resting = watch(commits.flush())
  await pass()
  expect([idle, beside, resting].map(({ how }) => how)).toEqual(['done at 0', 'done at 2', 'done at 3'])
})

it('a refusal is told to those whose commits were in the request, and to no other', async () => {
  failure = fencedError('partition 0')
  const refused = watch(commits.commit(at(0, 1)))
  await pass(1)
  const other = watch(commits.commit(at(1, 1)))
  await pass()
  expect(refused.how).toContain('partition 0')
  expect(other.how).toBe('done at 9')
})

it('who waits for a partition that is gone is told so, also who flushes', async () => {
  void commits.commit(at(1, 1))
  await pass(1)
  const waits = watch(commits.commit(at(0, 1)))
  const flushed = watch(commits.flush())
  commits.forget(0, fencedError('partition 0'))
  await pass()
  expect(waits.how).toMatch(/partition 0 .*at [12]$/)
  expect(flushed.how).toBe('done at 2')
  expect(requests).toEqual([[0, '1:1']])
})

it('what has no haste goes out by itself, or with the next flush', async () => {
  commits.commitLazily(at(0, 1))
  await pass()
  commits.commitLazily(at(0, 2))
  const before = time.nowMs
  void commits.flush()
  await pass()
  expect(requests.map(([, offsets]) => offsets)).toEqual(['0:1', '0:2'])
  expect(requests[0]![0]).toBe(200)
  expect(requests[1]![0]).toBe(before)
})
