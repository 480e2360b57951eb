/** Where the run of a submission belongs. Asked by the gateway and by ingest, which must agree. */
import { placementFor, type RandomU32 } from './ids.ts'
import type { SubmitRun } from './records/ingest.ts'

/**
 * Placement of the run of a submission that names none, 0..65535; `null`: any will do, since it names no key and its tenant's runs lie everywhere.
 * An idempotency key alone decides, so that a repeat is recognised whatever else it says; else the sticky key. `spread`: that of the tenant.
 */
export function placementOfSubmission(
  { tenant, idempotencyKey, stickyKey }: Pick<SubmitRun, 'tenant' | 'idempotencyKey' | 'stickyKey'>,
  partitions: number,
  spread: number | null,
  random: RandomU32,
): number | null {
  const spreadKey = idempotencyKey ?? stickyKey
  if (spreadKey === null && spread === null) return null
  const spreadOver = spread === null ? undefined : { partitions: spread }
  return placementFor(tenant, spreadKey ?? random().toString(16), partitions, spreadOver)
}
