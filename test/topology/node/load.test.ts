import { expect, it } from 'vitest'
import type { PartitionInfo } from '../../../topology/log/port.ts'
import { sampleLoad } from '../../../topology/node/load.ts'

function world() {
  let nowMs = 0
  const asked: PromiseWithResolvers<readonly PartitionInfo[]>[] = []
  const log = {
    describe() {
      asked.push(Promise.withResolvers())
      return asked.at(-1)!.promise
    },
  }
  const environment = {
    now: () => nowMs,
    monotonic: () => nowMs,
    after: () => () => {},
    soon: () => {},
    randomU32: () => 0,
  }
  const load = sampleLoad(log, { tasks: [] }, environment, 500)
  const answer = async (infos: readonly PartitionInfo[]): Promise<void> => {
    asked.at(-1)!.resolve(infos)
    await Promise.resolve()
    await Promise.resolve()
    await Promise.resolve()
  }
  const pass = (ms: number): void => {
    nowMs += ms
  }
  return { load, asked, answer, pass }
}

const info = (topic: PartitionInfo['topic'], nextOffset: number, committedOffset: number | null): PartitionInfo => ({
  topic,
  partition: 0,
  firstOffset: 0,
  nextOffset,
  committedOffset,
})

it('asks the log at most once in its time, and only while somebody asks', async () => {
  const { load, asked, answer, pass } = world()
  expect(load()).toEqual({ unfinishedRuns: 0, undecided: 0, unknownForMs: 0 })
  await answer([info('ingest', 10, 4), info('ingest', 5, null), info('result', 100, 0)])
  expect(load().undecided).toBe(11)
  pass(499)
  load()
  expect(asked).toHaveLength(1)
  pass(1)
  load()
  expect(asked).toHaveLength(2)
})

it('tells how long the log has not answered', async () => {
  const { load, answer, pass } = world()
  load()
  pass(12_000)
  expect(load().unknownForMs).toBe(12_000)
  await answer([])
  expect(load().unknownForMs).toBe(0)
})
