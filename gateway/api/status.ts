/** Health, metrics, the description itself, and the stream of events. */
import { RUN_STATUSES } from '../../topology/read-model/port.ts'
import * as common from './common.ts'
import { json, operation, STREAM_TYPE } from './operation.ts'
import { anything, boolean, choice, named, nullable, object, optional, text } from './schema.ts'

const tag = 'status'

const health = named(
  'Health',
  object({
    status: choice('How it is.', ['ok', 'degraded', 'unhealthy']),
    timestamp: text('Now.', { format: 'date-time' }),
    timestamp_ms: common.epochMs('Now.'),
    log: object({ writable: boolean('The log takes records.'), reason: nullable(text('Why not.')) }),
    nats: object({ connected: boolean('As `log.writable`, for older consoles.') }),
  }),
)

const alive = (path: string) =>
  operation({
    method: 'GET',
    path,
    tag,
    summary: 'Whether the process lives',
    answers: { 200: json(health, 'It lives.') },
    errors: [],
  })
const readiness = object({ status: choice('Ready or not.', ['ready', 'not_ready']), reason: nullable(text('Why.')) })
const ready = (path: string) =>
  operation({
    method: 'GET',
    path,
    tag,
    summary: 'Whether the process can take work',
    answers: { 200: json(readiness, 'It can.'), 503: json(readiness, 'It cannot yet, or not any more.') },
    errors: [],
  })

export const getHealth = alive('/health')
export const getHealthOlder = alive('/_health')
export const getLiveness = alive('/health/live')
export const getReadiness = ready('/readyz')
export const getReadinessOlder = ready('/health/ready')

export const getMetrics = operation({
  method: 'GET',
  path: '/metrics',
  tag,
  summary: 'Metrics',
  answers: { 200: { description: 'In the text form of Prometheus.', type: 'text/plain', schema: text('Metrics.') } },
  errors: [],
})

export const getDescription = operation({
  method: 'GET',
  path: '/openapi.json',
  tag,
  summary: 'This description',
  answers: { 200: json(anything('OpenAPI 3.1.'), 'OpenAPI 3.1.') },
  errors: [],
})

export const getDocs = operation({
  method: 'GET',
  path: '/docs',
  tag,
  summary: 'This description, to read',
  answers: { 200: { description: 'A page.', type: 'text/html', schema: text('A page.') } },
  errors: [],
})

export const streamEvents = operation({
  method: 'GET',
  path: '/api/v1/stream',
  tag: 'stream',
  summary: 'Follow what happens to runs, dead letters and operations',
  description:
    'Server-sent events. Their ids are positions in the log: sent back as `Last-Event-ID` they continue right after that event. Progress of bulk operations comes too, as each task tells of its share. `event: snapshot_required` ends a stream that cannot be continued without a gap.',
  headers: {
    ...common.tenantHeader,
    'Last-Event-ID': optional(text('Id of the last event that was had.')),
  },
  query: {
    tenant_id: optional(text('Instead of the header.')),
    run_id: optional(common.runId),
    flow: optional(text('Events of runs of this flow.')),
    types: optional(text(`Parted by commas, of: ${common.EVENT_NAMES.join(', ')}.`)),
    status: optional(
      text(`Events after which the run has one of these, parted by commas: ${RUN_STATUSES.join(', ')}.`),
    ),
    from: optional(choice('Where to begin without an id.', ['now', 'first'])),
    last_event_id: optional(text('Instead of the header.')),
  },
  answers: { 200: { description: 'Events.', type: STREAM_TYPE, schema: common.event } },
  errors: ['invalid_request', 'service_overloaded'],
})
