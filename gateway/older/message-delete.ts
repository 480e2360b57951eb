/**
 * Deletes messages: what runs is cancelled, and a run of its own says that the message is deleted, so that every gateway knows it. History stays
 * where it is, with the runs.
 */
import { homeOf, type RunId, type TenantId } from '../../schemas/ids.ts'
import type { Json } from '../../schemas/json.ts'
import { isFinished } from '../../topology/read-model/port.ts'
import type { Edge } from '../http/edge.ts'
import { outRecord } from '../out-record.ts'
import { BUILT_IN, versionOf } from './built-in-flows.ts'
import { deletionOf, runIdFor } from './ids.ts'

export interface Deletion {
  readonly messageId: string
  readonly requestedBy: string | null
  /** Also if it is not known, as one that was sent a moment ago is not yet. */
  readonly unseen: boolean
}

/** True if it was not deleted before, and is known or may be. @throws {RequestError} */
export async function deleteMessage(edge: Edge, tenant: TenantId, deletion: Deletion): Promise<boolean> {
  const { messageId, requestedBy, unseen } = deletion
  const runId = runIdFor(tenant, 'message', messageId)
  const [run, before] = await Promise.all([
    edge.readModel.getRun(tenant, runId),
    edge.readModel.getRun(tenant, deletionOf(tenant, runId)),
  ])
  if (before !== null || (run === null && !unseen)) return false
  if (run === null || !isFinished(run.status)) await cancel(edge, tenant, runId, requestedBy)
  const submission: Json = {
    flow: BUILT_IN.deletion,
    version: await versionOf(edge, tenant, 'deletion'),
    run_id: deletionOf(tenant, runId),
    input: { message_id: messageId, run_id: runId },
    metadata: { message_id: messageId },
  }
  const headers = { tenant_id: tenant }
  const submitted = await edge.submit(submission, { headers, defaultTenant: tenant, nowMs: edge.environment.now() })
  return !submitted.repeated
}

/** Whether it came in time makes no difference to who deletes. */
async function cancel(edge: Edge, tenant: TenantId, runId: RunId, by: string | null): Promise<void> {
  const command = {
    kind: 'CancelRun',
    runId,
    tenant,
    reason: 'the message was deleted',
    requestedBy: by,
    force: false,
    replyTo: null,
  } as const
  await edge.log.append([outRecord('result', homeOf(runId, edge.log.partitions), runId, command)])
}
