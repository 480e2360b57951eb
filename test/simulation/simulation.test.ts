import { afterAll, describe, expect, it } from 'vitest'
import { SeedThreads } from './batch.ts'
import { FAULT_NAMES } from './faults.ts'
import { PLANTS } from './plants/plants.ts'
import { simulate } from './simulation.ts'

const SEEDS = 2_000
const threads = new SeedThreads(2)

afterAll(() => threads.close())

describe('simulation', () => {
  it(`holds every invariant over ${SEEDS} histories, and every fault strikes`, { timeout: 1_800_000 }, async () => {
    const result = await threads.run({ from: 1, count: SEEDS, plant: null }, 10)
    const failures = result.failed.map(
      ({ seed, problems }) => `npm run simulate -- --seed ${seed} --trace: ${problems[0]}`,
    )
    expect(failures).toEqual([])
    expect(result.seeds).toBe(SEEDS)
    expect(FAULT_NAMES.filter((name) => !result.faults[name])).toEqual([])
    console.log(
      `simulation: ${result.seeds} seeds, ${result.steps} steps, faults ${JSON.stringify(result.faults)}, runs ${JSON.stringify(result.outcomes)}`,
    )
  })

  it('makes the same history from the same seed, byte for byte, whatever ran before', async () => {
    const seeds = [3, 17, 29, 101, 1_234]
    const first = new Map<number, string>()
    for (const seed of seeds) first.set(seed, (await simulate({ seed })).hash)
    for (const seed of seeds.toReversed()) expect((await simulate({ seed })).hash).toBe(first.get(seed))
    expect(new Set(first.values()).size).toBe(seeds.length)
  })

  it('comes to the same outcomes fused and unfused', async () => {
    const { compared, problems } = await threads.compareFusion(1, 150)
    expect(problems).toEqual([])
    expect(compared).toBeGreaterThan(300)
  })
})

describe('planted bugs', () => {
  it.each(PLANTS.map((plant) => [plant.name, plant.meaning]))('%s is caught: %s', async (name) => {
    const result = await threads.run({ from: 1, count: SEEDS, plant: name }, 1)
    expect(result.failed.length).toBeGreaterThan(0)
  })
})
