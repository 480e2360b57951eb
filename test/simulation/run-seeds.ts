/** Seeds one after another, on this thread. */
import type { BatchRequest, BatchResult, FailedSeed } from './batch.ts'
import { PLANTS } from './plants/plants.ts'
import { simulate } from './simulation.ts'

export async function runSeeds({ from, count, plant: name }: BatchRequest): Promise<BatchResult> {
  const plant = PLANTS.find((one) => one.name === name)
  if (name !== null && plant === undefined) {
    throw new Error(`there is no planted bug '${name}'; expected one of ${PLANTS.map((one) => one.name).join(', ')}`)
  }
  const failed: FailedSeed[] = []
  const faults: Record<string, number> = {}
  const outcomes: Record<string, number> = {}
  let steps = 0
  for (let seed = from; seed < from + count; seed++) {
    const result = await simulate({ seed, ...(plant === undefined ? {} : { plant }) })
    steps += result.steps
    for (const [fault, times] of result.faults) faults[fault] = (faults[fault] ?? 0) + times
    for (const { status, determined } of result.outcomes) {
      outcomes[status] = (outcomes[status] ?? 0) + 1
      if (determined) outcomes.determined = (outcomes.determined ?? 0) + 1
    }
    if (result.problems.length === 0) continue
    failed.push({ seed, steps: result.steps, problems: result.problems.slice(0, 5) })
    if (plant !== undefined) return { seeds: seed - from + 1, steps, failed, faults, outcomes }
  }
  return { seeds: count, steps, failed, faults, outcomes }
}
