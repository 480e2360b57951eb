/** The same histories with edges fused and unfused, side by side. */
import { isDeepStrictEqual } from 'node:util'
import type { FusionResult } from './batch.ts'
import { simulate } from './simulation.ts'

export async function compareFusion({ from, count }: { from: number; count: number }): Promise<FusionResult> {
  const problems: string[] = []
  let compared = 0
  for (let seed = from; seed < from + count; seed++) {
    const fused = await simulate({ seed, intensity: 0, fuse: true })
    const unfused = await simulate({ seed, intensity: 0, fuse: false })
    problems.push(...[...fused.problems, ...unfused.problems].map((problem) => `seed ${seed}: ${problem}`))
    const others = new Map(unfused.outcomes.map((outcome) => [outcome.runId, outcome]))
    for (const outcome of fused.outcomes) {
      const other = others.get(outcome.runId)
      if (!outcome.determined || !other?.determined || other.request !== outcome.request) continue
      compared += 1
      if (!isDeepStrictEqual(other, outcome)) {
        problems.push(`seed ${seed}: fused ${JSON.stringify(outcome)}, unfused ${JSON.stringify(other)}`)
      }
    }
  }
  return { compared, problems }
}
