import type { FastifyRequest } from 'fastify'
import type { SubmissionContext } from '../../schemas/codec/ingest-json.ts'
import type { TenantId } from '../../schemas/ids.ts'
import { traceparentText } from '../../schemas/trace-context.ts'
import { traceparentOf } from '../http/context.ts'
import type { Edge } from '../http/edge.ts'

/** What goes along with a submission of an older client. */
export function submissionHeaders(edge: Edge, request: FastifyRequest, tenant: TenantId): SubmissionContext {
  const traceparent = request.span === null ? traceparentOf(request) : traceparentText(request.span.context)
  return {
    headers: { tenant_id: tenant, ...(traceparent === null ? {} : { traceparent }) },
    defaultTenant: tenant,
    nowMs: edge.environment.now(),
  }
}
