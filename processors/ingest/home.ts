/** Where a submission without a run id belongs. */
import { placementFor } from '../../schemas/ids.ts'
import type { SubmitRun } from '../../schemas/records/ingest.ts'
import { TENANTS } from '../control/tenants.ts'
import type { Turn } from '../turn.ts'

const PLACEMENTS = 0x10000

/**
 * Placement of a new run. The spread key is the sticky key, else the idempotency key; a submission with neither goes anywhere among the tenant's
 * partitions, and stays where it arrived if those are all.
 */
export function placementOfNew(turn: Turn, { tenant, stickyKey, idempotencyKey }: SubmitRun): number {
  const spread = turn.get(TENANTS, tenant)?.spread ?? null
  const spreadKey = stickyKey ?? idempotencyKey
  if (spreadKey === null && spread === null) return anyPlacementHere(turn)
  const key = spreadKey ?? turn.random().toString(16)
  return placementFor(tenant, key, turn.partitions, spread === null ? undefined : { partitions: spread })
}

function anyPlacementHere(turn: Turn): number {
  const rounds = Math.floor(PLACEMENTS / turn.partitions)
  return turn.partition + turn.partitions * (turn.random() % rounds)
}
