import type { FastifyRequest } from 'fastify'
import type { SubmissionContext } from '../../schemas/codec/ingest-json.ts'
import type { TenantId } from '../../schemas/ids.ts'
import { traceparentOf } from '../http/context.ts'
import type { Edge } from '../http/edge.ts'

/** What goes along with a submission of an older client. */
export function submissionHeaders(edge: Edge, request: FastifyRequest, tenant: TenantId): SubmissionContext {
  const traceparent = traceparentOf(request)
  return {
    headers: { tenant_id: tenant, ...(traceparent === null ? {} : { traceparent }) },
    defaultTenant: tenant,
    nowMs: edge.environment.now(),
  }
}
