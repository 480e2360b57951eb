/** What every request carries besides its body. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { DEFAULT_TENANT, isTenantId, type TenantId } from '../../schemas/ids.ts'
import type { Environment } from '../../topology/environment.ts'
import { RequestError } from '../errors.ts'

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/
const MAX_ID_LENGTH = 128

/** @throws {RequestError} when `X-Tenant-ID` is no tenant id */
export function tenantOf(request: FastifyRequest): TenantId {
  const header = request.headers['x-tenant-id']
  if (header === undefined) return DEFAULT_TENANT
  if (typeof header === 'string' && isTenantId(header)) return header
  throw invalidTenant('X-Tenant-ID', String(header))
}

/** @throws {RequestError} */
export function checkTenant(name: string, found: string): TenantId {
  if (isTenantId(found)) return found
  throw invalidTenant(name, found)
}

function invalidTenant(name: string, found: string): RequestError {
  const expected = '1 to 128 letters, digits and . _ : -, beginning with a letter or digit'
  const shown = JSON.stringify(found.length > 100 ? `${found.slice(0, 100)}...` : found)
  return new RequestError('invalid_request', `${name} is ${shown}; expected ${expected}`, { details: { path: name } })
}

export function traceparentOf(request: FastifyRequest): string | null {
  const header = request.headers.traceparent
  return typeof header === 'string' && TRACEPARENT.test(header) ? header : null
}

export interface RequestContext {
  readonly request_id: string
  readonly trace_id: string | null
  readonly tenant_id: string
}

function traceIdOf({ headers, span }: FastifyRequest): string | null {
  return TRACEPARENT.exec(String(headers.traceparent))?.[1] ?? span?.context.traceId ?? null
}

/** Made only for errors: a request that goes well does not need it. */
export function contextOf(request: FastifyRequest, environment: Environment): RequestContext {
  const { headers } = request
  const tenant = headers['x-tenant-id']
  return {
    request_id: given(headers['x-request-id']) ?? ownId(request, environment),
    trace_id: given(headers['x-trace-id']) ?? traceIdOf(request),
    tenant_id: typeof tenant === 'string' && isTenantId(tenant) ? tenant : DEFAULT_TENANT,
  }
}

/** Who asks, for the record; there is no authentication yet. */
export function requesterOf(request: FastifyRequest): string | null {
  return given(request.headers['x-user-id']) ?? null
}

/** Fires when the client has gone before it was answered. */
export function goneSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort()
  })
  return controller.signal
}

function given(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' && header !== '' ? header.slice(0, MAX_ID_LENGTH) : undefined
}

/** The same whenever it is asked for: what is answered can be found in the log. */
function ownId(request: FastifyRequest, environment: Environment): string {
  if (request.id === '') request.id = newRequestId(environment)
  return request.id
}

function newRequestId(environment: Environment): string {
  const word = (): string => environment.randomU32().toString(16).padStart(8, '0')
  return `req-${word()}${word()}`
}
