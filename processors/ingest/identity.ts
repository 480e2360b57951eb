/** Whether a submission was seen before: by its idempotency key, else by its run id. */
import { createHash, hash } from 'node:crypto'
import { canonicalHash } from '../../schemas/codec/canonical-hash.ts'
import type { RunId } from '../../schemas/ids.ts'
import type { SubmitRun } from '../../schemas/records/ingest.ts'
import { RUNS } from '../result/run-store.ts'
import type { Turn } from '../turn.ts'
import { keyedRun, recentRun, rememberKey, rememberRunId } from './known-runs.ts'
import type { Refusal } from './refusal.ts'

export type Identity =
  | { readonly kind: 'new'; readonly bodyHash: string }
  | { readonly kind: 'duplicate'; readonly runId: RunId }
  | { readonly kind: 'conflict'; readonly refusal: Refusal }

export function identify(turn: Turn, id: RunId, record: SubmitRun): Identity {
  const { tenant, idempotencyKey } = record
  const bodyHash = idempotencyKey === null ? textHash(record) : canonicalHash(record)
  if (idempotencyKey !== null) {
    const known = keyedRun(turn, tenant, idempotencyKey)
    if (known !== undefined) {
      if (known.bodyHash === bodyHash) return { kind: 'duplicate', runId: known.runId }
      return keyConflict(idempotencyKey, known.runId, known.runId === id || isTaken(turn, id))
    }
  }
  const recent = recentRun(turn, id)
  if (recent?.tenant === tenant && recent.bodyHash === bodyHash) return { kind: 'duplicate', runId: id }
  const live = turn.get(RUNS, id)
  if (recent === undefined && live === undefined) return { kind: 'new', bodyHash }
  const repeated =
    recent === undefined && live !== undefined && live.tenant === tenant && live.idempotencyKey === idempotencyKey
  return repeated ? { kind: 'duplicate', runId: id } : idConflict(id)
}

/** Whether a run of this id goes on, or ended not long ago. */
export function hasRun(turn: Turn, id: RunId, record: SubmitRun): boolean {
  const { tenant, idempotencyKey } = record
  const keyed = idempotencyKey === null ? undefined : keyedRun(turn, tenant, idempotencyKey)
  return keyed?.runId === id || isTaken(turn, id)
}

/** Remembers what {@link identify} compares with. */
export function remember(turn: Turn, id: RunId, record: SubmitRun, bodyHash: string): void {
  const { tenant, idempotencyKey, runId } = record
  if (idempotencyKey !== null) rememberKey(turn, tenant, idempotencyKey, id, bodyHash)
  // an id that was made here for a key is known to nobody who could submit it again
  if (idempotencyKey === null || runId !== null) rememberRunId(turn, tenant, id, bodyHash)
}

function isTaken(turn: Turn, id: RunId): boolean {
  return turn.get(RUNS, id) !== undefined || recentRun(turn, id) !== undefined
}

function keyConflict(key: string, runId: RunId, taken: boolean): Identity {
  const message = `idempotency key '${key}' belongs to run ${runId}, which was submitted with another body`
  const refusal = { code: 'idempotency_conflict', message, details: { idempotency_key: key, run_id: runId } } as const
  return { kind: 'conflict', refusal: taken ? { ...refusal, idIsTaken: true } : refusal }
}

function idConflict(runId: RunId): Identity {
  const message = `run id ${runId} belongs to a run that was submitted with another body`
  return {
    kind: 'conflict',
    refusal: { code: 'run_id_conflict', message, details: { run_id: runId }, idIsTaken: true },
  }
}

/** From this length on an input is not put together with the rest, which would copy it. */
const LARGE_LENGTH = 8_192

/** A repeated append has the same text, so that a run id needs no canonical form. */
function textHash(record: SubmitRun): string {
  const { flow, version, input, stickyKey, priority, metadata, replay } = record
  const fields = [flow, version, stickyKey, priority, metadata, replay?.replayId ?? null, replay?.letterId ?? null]
  const text = JSON.stringify(fields)
  const digest =
    input.length < LARGE_LENGTH
      ? hash('sha1', text + input, 'base64')
      : createHash('sha1').update(text).update(input).digest('base64')
  return digest.slice(0, 22)
}
