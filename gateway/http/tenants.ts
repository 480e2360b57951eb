/** `/api/v1/tenants` */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { TenantId } from '../../schemas/ids.ts'
import type { TenantChanged } from '../../schemas/records/control.ts'
import type { TenantPatch } from '../../schemas/records/tenant-patch.ts'
import { API } from '../api/index.ts'
import { integer, number, orNull, readBody } from './body.ts'
import { checkTenant } from './context.ts'
import type { Edge } from './edge.ts'
import { route } from './route.ts'

const MAX_LIMIT = 1_000_000_000
/** Less than one start in about eleven days is no rate. */
const MIN_RATE = 1e-6

export function registerTenants(app: FastifyInstance, edge: Edge): void {
  route(app, API.putTenant, (request) => putTenant(edge, request))
  route(app, API.getTenant, (request) => getTenant(edge, request))
}

async function putTenant(edge: Edge, request: FastifyRequest): Promise<object> {
  const tenant = tenantParameter(request)
  const body = readBody(request.body, {
    max_concurrency: orNull(integer(1, MAX_LIMIT)),
    rate_per_second: orNull(number(MIN_RATE, MAX_LIMIT)),
    burst: orNull(number(1, MAX_LIMIT)),
    weight: integer(1, 1000),
    spread: orNull(integer(1, 65_536)),
  })
  const patch: { -readonly [K in keyof TenantPatch]: TenantPatch[K] } = {}
  if (body.max_concurrency !== undefined) patch.maxConcurrency = body.max_concurrency
  if (body.rate_per_second !== undefined) patch.ratePerSecond = body.rate_per_second
  if (body.burst !== undefined) patch.burst = body.burst
  if (body.weight !== undefined) patch.weight = body.weight
  if (body.spread !== undefined) patch.spread = body.spread
  return shown(await edge.publisher.changeTenant(tenant, patch), tenant)
}

async function getTenant(edge: Edge, request: FastifyRequest): Promise<object> {
  const tenant = tenantParameter(request)
  await edge.definitions.current()
  return shown(edge.definitions.tenant(tenant), tenant)
}

function tenantParameter(request: FastifyRequest): TenantId {
  return checkTenant('tenant', (request.params as { readonly tenant: string }).tenant)
}

/** A tenant of whom nothing was set has no limits. */
function shown(record: TenantChanged | undefined, tenant: TenantId): object {
  return {
    tenant_id: tenant,
    revision: record?.revision ?? 0,
    max_concurrency: record?.maxConcurrency ?? null,
    rate_per_second: record?.ratePerSecond ?? null,
    burst: record?.burst ?? null,
    weight: record?.weight ?? 1,
    spread: record?.spread ?? null,
  }
}
