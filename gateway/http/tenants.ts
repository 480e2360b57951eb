/** `/api/v1/tenants` */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { TenantId } from '../../schemas/ids.ts'
import type { TenantChanged } from '../../schemas/records/control.ts'
import type { TenantPatch } from '../../schemas/records/tenant-patch.ts'
import { RUN_STATUSES } from '../../topology/read-model/port.ts'
import { API } from '../api/index.ts'
import { integer, number, orNull, readBody } from './body.ts'
import { checkTenant } from './context.ts'
import type { Edge } from './edge.ts'
import { integerOf, queryOf } from './query.ts'
import { route } from './route.ts'
import { asOfShown } from './run-json.ts'

const MAX_LIMIT = 1_000_000_000
const NO_RUNS = Object.fromEntries(RUN_STATUSES.map((status) => [status, 0]))
/** Less than one start in about eleven days is no rate. */
const MIN_RATE = 1e-6

export function registerTenants(app: FastifyInstance, edge: Edge): void {
  route(app, API.listTenants, (request) => listTenants(edge, request))
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

/** Tenants that have runs, and those that have limits. */
async function listTenants(edge: Edge, request: FastifyRequest): Promise<object> {
  const query = queryOf(request, ['limit', 'after'])
  const limit = integerOf('limit', query.limit, 1, 1000, 50)
  const after = query.after === undefined ? null : checkTenant('after', query.after)
  await edge.definitions.current()
  const page = await edge.readModel.tenants(after, limit)
  const runs = new Map(page.tenants.map((entry) => [entry.tenant, entry.runs]))
  const lastWithRuns = page.more ? page.tenants.at(-1)!.tenant : null
  const limited = edge.definitions.tenants().map(({ tenant }) => tenant)
  const names = [...new Set([...runs.keys(), ...limited])]
    .filter((name) => (after === null || name > after) && (lastWithRuns === null || name <= lastWithRuns))
    .sort((a, b) => (a < b ? -1 : 1))
  const shownNames = names.slice(0, limit)
  return {
    tenants: shownNames.map((name) => ({
      ...shown(edge.definitions.tenant(name), name),
      runs: runs.get(name) ?? NO_RUNS,
    })),
    next: page.more || names.length > limit ? shownNames.at(-1)! : null,
    as_of: asOfShown(page.asOf),
  }
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
