/** When a step that waits for others may run. */
import type { Join } from '../../schemas/flow/model.ts'
import type { StepSkipped } from '../../schemas/records/events.ts'

/** How many of a step's dependencies have ended, and how: met (completed), unmet (skipped), broken (failed). */
export interface Ends {
  readonly met: number
  readonly unmet: number
  readonly broken: number
}

export type SkipReason = StepSkipped['reason']
export type JoinVerdict = 'wait' | 'run' | SkipReason

/**
 * `all` waits for every dependency and runs if one completed and none failed. A count runs at that many completions, and is skipped once all
 * have ended without.
 */
export function joinVerdict(join: Join, dependencies: number, ends: Ends): JoinVerdict {
  if (join.kind === 'count' && ends.met >= join.count) return 'run'
  if (ends.met + ends.unmet + ends.broken < dependencies) return 'wait'
  if (join.kind === 'count') return 'join_not_met'
  if (ends.broken > 0) return 'upstream_failed'
  return ends.met > 0 ? 'run' : 'upstream_skipped'
}
