/** The short form of the benchmark `bad-inputs`, which tries 10,000. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type PressureResult, underPressure } from '../../../load/bench/bad/pressure.ts'
import { openStage, type Stage } from '../../../load/bench/bad/stage.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage.close())

test('bad inputs of every kind end with their declared codes; good steps beside them and the memory stay well', async () => {
  const rounds = (count: number): Promise<PressureResult> => underPressure(stage, stage.bad.length * count, 8)
  // threads, processes and connections are opened and kernels compiled
  const first = await rounds(1)
  expect(first.surprises).toEqual([])
  const { surprises, memoryMb, good } = await rounds(4)
  expect(surprises).toEqual([])
  expect(memoryMb.last - memoryMb.first).toBeLessThan(100)
  for (const [group, { count, p50 }] of Object.entries(good)) {
    expect(count, group).toBeGreaterThan(3)
    expect(p50, group).toBeLessThan(20_000)
  }
})
