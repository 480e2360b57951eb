/**
 * What is asked before anything else of a request to an older route, in this order: 429 (too many, or blocked), 401, 400 for the tenant, 503 while no
 * work is taken, 429 for a body of a size that only abuse has, 413. Only then is the body read.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isTenantId, type TenantId } from '../../schemas/ids.ts'
import { type ErrorDetails, RequestError } from '../errors.ts'
import { checkTenant } from '../http/context.ts'
import type { Edge } from '../http/edge.ts'
import { refuse } from '../http/query.ts'
import type { OlderSettings } from './options.ts'
import { type Endpoint, type Verdict, Windows } from './windows.ts'

export const MAX_BODY_BYTES = 64 << 10
const ABUSE_MIN_BYTES = 10
export const ABUSE_MAX_BYTES = 512 << 10
const RETRY_AFTER_S = 30
const BEARER = /^Bearer +\S/i

export function guard(app: FastifyInstance, edge: Edge, settings: OlderSettings): void {
  const windows = new Windows(edge.environment, settings)
  app.addHook('onRequest', (request, reply, done) => {
    try {
      const endpoint = endpointOf(request)
      limit(edge, windows.hit(givenTenant(request) ?? '', endpoint), request, reply)
      authorize(request, settings)
      olderTenant(request)
      if (takesWork(request)) admit(edge)
      if (request.headers['content-length'] !== undefined) checkSize(request, Number(request.headers['content-length']))
      done()
    } catch (error) {
      done(error as Error)
    }
  })
  app.addHook('preHandler', (request, _reply, done) => {
    try {
      checkSize(request, request.body instanceof Uint8Array ? request.body.length : 0)
      done()
    } catch (error) {
      done(error as Error)
    }
  })
}

/** Of the header; where browsers cannot send one, of the parameter. @throws {RequestError} */
export function olderTenant(request: FastifyRequest): TenantId {
  const header = request.headers['x-tenant-id']
  const parameter = (request.query as { readonly tenant_id?: unknown }).tenant_id
  const asked = typeof parameter === 'string' ? checkTenant('tenant_id', parameter) : null
  if (typeof header !== 'string' || header === '') {
    if (asked !== null) return asked
    throw new RequestError('invalid_request', 'X-Tenant-ID is missing; expected the id of a tenant', {
      details: { code: 'MISSING_HEADER', path: 'X-Tenant-ID' },
    })
  }
  const tenant = checkTenant('X-Tenant-ID', header)
  if (asked === null || asked === tenant) return tenant
  return refuse('tenant_id', `'tenant_id' is ${JSON.stringify(asked)}, but X-Tenant-ID says otherwise; expected one`)
}

function givenTenant(request: FastifyRequest): string | null {
  const { tenant_id: parameter } = request.query as { readonly tenant_id?: unknown }
  const given = request.headers['x-tenant-id'] ?? parameter
  return typeof given === 'string' && isTenantId(given) ? given : null
}

function pathOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? ''
}

function endpointOf(request: FastifyRequest): Endpoint {
  const path = pathOf(request)
  if (path.startsWith('/api/v1/routes/decide')) return 'decide'
  if (path.startsWith('/api/v1/messages')) return 'messages'
  return path.startsWith('/api/v1/registry') ? 'registry' : 'all'
}

/** Requests whose body is work for the router. */
function takesWork(request: FastifyRequest): boolean {
  const path = pathOf(request)
  return request.method === 'POST' && (path === '/api/v1/routes/decide' || path === '/api/v1/messages')
}

function limit(edge: Edge, verdict: Verdict, request: FastifyRequest, reply: FastifyReply): void {
  const { allowed, blocked, endpoint, limit, remaining, resetInMs } = verdict
  edge.metrics.observeLimit(endpoint, givenTenant(request) ?? 'unknown', allowed)
  const seconds = Math.max(1, Math.ceil(resetInMs / 1000))
  if (allowed) {
    const reset = Math.ceil(edge.environment.now() / 1000) + seconds
    reply
      .header('x-ratelimit-limit', String(limit))
      .header('x-ratelimit-remaining', String(remaining))
      .header('x-ratelimit-reset', String(reset))
    return
  }
  const message = blocked
    ? `more than ${limit} requests in a minute; the tenant is blocked for ${seconds} s`
    : `more than ${limit} requests in 60 s to '${endpoint}'; expected the next in ${seconds} s`
  throw tooMany(message, seconds, { endpoint, limit, ...(blocked ? { abuse: true } : {}) })
}

function tooMany(message: string, retryAfterS: number, more: ErrorDetails): RequestError {
  const details = { ...more, retry_after_seconds: retryAfterS }
  return new RequestError('rate_limit_exceeded', message, { details, retryAfterS })
}

function authorize(request: FastifyRequest, { requireAuthorization }: OlderSettings): void {
  const { authorization } = request.headers
  if (authorization === undefined ? !requireAuthorization : BEARER.test(authorization)) return
  const found = authorization === undefined ? 'missing' : 'no bearer token'
  throw new RequestError('unauthorized', `Authorization is ${found}; expected: Authorization: Bearer <token>`, {
    details: { path: 'Authorization' },
  })
}

function admit({ admission }: Edge): void {
  const admitted = admission()
  if (admitted.admit) return
  throw new RequestError('service_overloaded', admitted.reason, {
    details: { retry_after_seconds: RETRY_AFTER_S },
    retryAfterS: RETRY_AFTER_S,
  })
}

function checkSize(request: FastifyRequest, size: number): void {
  const absurd = size > ABUSE_MAX_BYTES || (takesWork(request) && size < ABUSE_MIN_BYTES)
  if (absurd) {
    const message = `the body has ${size} bytes; expected ${ABUSE_MIN_BYTES} to ${MAX_BODY_BYTES}`
    throw tooMany(message, 1, { endpoint: endpointOf(request), size, abuse: true })
  }
  if (size <= MAX_BODY_BYTES) return
  throw new RequestError('payload_too_large', `the body has ${size} bytes; expected at most ${MAX_BODY_BYTES}`, {
    details: { code: 'TOO_LARGE', max_bytes: MAX_BODY_BYTES },
  })
}
