/**
 * `GET /api/v1/stream`: what happens to runs, as server-sent events. The id of an event is a position in the log: sent back as `Last-Event-ID` it
 * continues right after that event. `event: snapshot_required` ends a stream that cannot be continued without a gap.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { TenantId } from '../../schemas/ids.ts'
import { RUN_STATUSES } from '../../topology/read-model/port.ts'
import { API } from '../api/index.ts'
import { type EventFilter, eventFilter } from '../live/event-filter.ts'
import { EVENT_KINDS } from '../live/live-event.ts'
import { responseOutlet } from '../live/outlet.ts'
import type { Start } from '../live/starting-point.ts'
import { checkTenant, tenantOf } from './context.ts'
import type { Edge } from './edge.ts'
import { oneOf, queryOf, refuse } from './query.ts'
import { route } from './route.ts'
import { checkRunId } from './run-id.ts'

const PARAMETERS = ['tenant_id', 'run_id', 'flow', 'types', 'status', 'from', 'last_event_id'] as const

export function registerStream(app: FastifyInstance, edge: Edge): void {
  route(app, API.streamEvents, (request, reply) => stream(edge, request, reply), { exposeHeadRoute: false })
  app.addHook('preClose', async () => edge.live.close())
}

async function stream(edge: Edge, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const query = queryOf(request, PARAMETERS)
  const filter = filterOf(request, query)
  const start = startOf(request, query)
  const begin = await edge.live.prepare(filter, start)
  reply.hijack()
  begin(responseOutlet(reply.raw))
}

type StreamQuery = ReturnType<typeof queryOf<(typeof PARAMETERS)[number]>>

function filterOf(request: FastifyRequest, query: StreamQuery): EventFilter {
  return eventFilter(
    streamTenant(request, query.tenant_id),
    query.run_id === undefined ? null : checkRunId(query.run_id),
    query.flow ?? null,
    listOf('types', query.types, EVENT_KINDS),
    listOf('status', query.status, RUN_STATUSES),
  )
}

/** Browsers' event sources cannot send headers. */
function streamTenant(request: FastifyRequest, parameter: string | undefined): TenantId {
  if (parameter === undefined) return tenantOf(request)
  const tenant = checkTenant('tenant_id', parameter)
  if (request.headers['x-tenant-id'] === undefined || tenantOf(request) === tenant) return tenant
  return refuse(
    'tenant_id',
    `'tenant_id' is ${JSON.stringify(tenant)}, but X-Tenant-ID says otherwise; expected one of them`,
  )
}

/** Names parted by commas; none if absent. */
function listOf<const T extends string>(name: string, text: string | undefined, values: readonly T[]): readonly T[] {
  if (text === undefined) return []
  return text.split(',').map((part) => oneOf(name, part, values)!)
}

/** The header wins: an event source that comes back still has the address it began with. */
function startOf(request: FastifyRequest, query: StreamQuery): Start {
  const header = request.headers['last-event-id']
  const from = oneOf('from', query.from, ['now', 'first'] as const) ?? 'now'
  const lastEventId = typeof header === 'string' && header !== '' ? header : query.last_event_id
  return lastEventId === undefined ? { from } : { lastEventId }
}
