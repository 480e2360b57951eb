/** Where a submission belongs. */
import { homeOf, newRunId, type RunId } from '../../schemas/ids.ts'
import { placementOfSubmission } from '../../schemas/placement.ts'
import type { SubmitRun } from '../../schemas/records/ingest.ts'
import { TENANTS } from '../control/tenants.ts'
import type { Turn } from '../turn.ts'
import type { Refusal } from './refusal.ts'

const PLACEMENTS = 0x10000

/** A new run id for a submission that names none; one that may lie anywhere stays where it arrived. */
export function idOfNew(turn: Turn, record: SubmitRun): RunId {
  return newRunId(placementOf(turn, record) ?? anyPlacementHere(turn), () => turn.random())
}

/** Why a run with this id cannot be begun here under the submission's idempotency key: another partition is asked for repeats of the key. */
export function keyLiesElsewhere(turn: Turn, id: RunId, record: SubmitRun): Refusal | null {
  const { runId, idempotencyKey } = record
  if (idempotencyKey === null || runId === null) return null
  const home = placementOf(turn, record)! % turn.partitions
  if (home === turn.partition) return null
  const lies = `lies on partition ${homeOf(id, turn.partitions)} and its idempotency key '${idempotencyKey}' on ${home}`
  const message = `run id ${id} ${lies}; expected both on one: leave out \`run_id\`, or make one for the key`
  return { code: 'invalid_run_id', message, details: { path: 'run_id', found: id } }
}

function placementOf(turn: Turn, record: SubmitRun): number | null {
  const spread = turn.get(TENANTS, record.tenant)?.spread ?? null
  return placementOfSubmission(record, turn.partitions, spread, () => turn.random())
}

function anyPlacementHere(turn: Turn): number {
  const rounds = Math.floor(PLACEMENTS / turn.partitions)
  return turn.partition + turn.partitions * (turn.random() % rounds)
}
