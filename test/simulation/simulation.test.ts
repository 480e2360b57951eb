import { describe, expect, it } from 'vitest'
import { runBatch } from './batch.ts'
import { FAULT_NAMES } from './faults.ts'
import { PLANTS } from './plants/plants.ts'
import { simulate } from './simulation.ts'

const SEEDS = 2_000
const THREADS = 2

describe('simulation', () => {
  it(`holds every invariant over ${SEEDS} histories, and every fault strikes`, { timeout: 1_800_000 }, async () => {
    const result = await runBatch({ from: 1, count: SEEDS, plant: null }, THREADS, 10)
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
    let compared = 0
    for (let seed = 1; seed <= 150; seed++) {
      const fused = await simulate({ seed, intensity: 0, fuse: true })
      const unfused = await simulate({ seed, intensity: 0, fuse: false })
      expect([...fused.problems, ...unfused.problems], `seed ${seed}`).toEqual([])
      const others = new Map(unfused.outcomes.map((outcome) => [outcome.runId, outcome]))
      for (const outcome of fused.outcomes) {
        const other = others.get(outcome.runId)
        if (!outcome.determined || !other?.determined || other.request !== outcome.request) continue
        compared += 1
        expect(other, `seed ${seed}`).toEqual(outcome)
      }
    }
    expect(compared).toBeGreaterThan(300)
  })
})

describe('planted bugs', () => {
  it.each(PLANTS.map((plant) => [plant.name, plant.meaning]))('%s is caught: %s', async (name) => {
    const result = await runBatch({ from: 1, count: SEEDS, plant: name }, THREADS, 1)
    expect(result.failed.length).toBeGreaterThan(0)
  })
})
