/** `/health`, `/readyz`, `/metrics` and their older names: never refused, whatever the load. */
import type { FastifyInstance } from 'fastify'
import { API } from '../api/index.ts'
import { metricsJson, prefersJson } from '../older/metrics-json.ts'
import type { Edge } from './edge.ts'
import type { RecentRequests } from './recent-requests.ts'
import { route } from './route.ts'

export function registerHealth(app: FastifyInstance, edge: Edge, recent: () => RecentRequests): void {
  for (const alive of [API.getHealth, API.getHealthOlder, API.getLiveness]) route(app, alive, () => health(edge))
  for (const readiness of [API.getReadiness, API.getReadinessOlder]) {
    route(app, readiness, async (_request, reply) => {
      const ready = edge.isReady()
      const reason = ready ? null : (edge.waitsFor?.() ?? edge.log.health().reason ?? 'tasks are being restored')
      return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not_ready', reason })
    })
  }
  route(app, API.getMetricsOlder, () => metricsJson(edge, recent()))
  route(app, API.getMetrics, async (request, reply) => {
    if (prefersJson(request)) return metricsJson(edge, recent())
    const body = await edge.metrics.render()
    return reply.type(edge.metrics.contentType).send(body)
  })
}

/** `nats.connected` is what the older console looks at; the log has taken the place of NATS, so it tells whether that takes records. */
function health({ log, environment, isReady }: Edge): object {
  const { writable, reason } = log.health()
  const nowMs = environment.now()
  return {
    status: writable && isReady() ? 'ok' : 'degraded',
    timestamp: new Date(nowMs).toISOString(),
    timestamp_ms: nowMs,
    log: { writable, reason },
    nats: { connected: writable },
  }
}
