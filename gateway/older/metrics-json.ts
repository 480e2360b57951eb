/** `/_metrics`, and `/metrics` for who asks for JSON, as the older console does. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { API } from '../api/index.ts'
import type { Edge } from '../http/edge.ts'
import { route } from '../http/route.ts'
import { type RecentRequests, recentRequests } from './recent-requests.ts'

export function registerMetricsJson(app: FastifyInstance, edge: Edge): void {
  const recent = recentRequests(app, edge.environment)
  route(app, API.getMetricsOlder, () => shown(edge, recent()))
  app.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.url !== '/metrics' || !prefersJson(request)) return done()
    reply.type('application/json; charset=utf-8').send(JSON.stringify(shown(edge, recent())))
  })
}

/** Collectors name text forms first. */
function prefersJson({ headers }: FastifyRequest): boolean {
  return /^\s*application\/json\b/i.test(headers.accept ?? '')
}

function shown({ log, environment }: Edge, { rps, latency, errorRate, limited }: RecentRequests): object {
  return {
    rps,
    latency,
    error_rate: errorRate,
    rate_limit: { exceeded: limited },
    nats: { connected: log.health().writable },
    ts: environment.now(),
  }
}
