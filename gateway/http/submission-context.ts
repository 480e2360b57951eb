import type { FastifyRequest } from 'fastify'
import type { SubmissionContext } from '../../schemas/codec/ingest-json.ts'
import { DEFAULT_TENANT } from '../../schemas/ids.ts'
import { tenantOf } from './context.ts'
import type { Edge } from './edge.ts'
import { traceparentOfSubmission } from './trace.ts'

/** What the headers say about a submission. @throws {RequestError} */
export function contextOfSubmission(
  edge: Edge,
  request: FastifyRequest,
  idempotencyKey: string | null,
): SubmissionContext {
  const nowMs = edge.environment.now()
  const traceparent = traceparentOfSubmission(request)
  const tenant = request.headers['x-tenant-id'] === undefined ? null : tenantOf(request)
  const defaultTenant = tenant ?? DEFAULT_TENANT
  if (tenant === null && traceparent === null && idempotencyKey === null) return { headers: null, defaultTenant, nowMs }
  const headers = {
    ...(tenant === null ? {} : { tenant_id: tenant }),
    ...(traceparent === null ? {} : { traceparent }),
    ...(idempotencyKey === null ? {} : { idempotency_key: idempotencyKey }),
  }
  return { headers, defaultTenant, nowMs }
}
