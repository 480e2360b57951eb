/** `/health`, `/readyz`, `/metrics`: never refused, whatever the load. */
import type { FastifyInstance } from 'fastify'
import type { Edge } from './edge.ts'

export function registerHealth(app: FastifyInstance, edge: Edge): void {
  for (const path of ['/health', '/_health', '/health/live']) app.get(path, async () => health(edge))
  for (const path of ['/readyz', '/health/ready']) {
    app.get(path, async (_request, reply) => {
      const ready = edge.isReady()
      const reason = ready ? null : (edge.waitsFor?.() ?? edge.log.health().reason ?? 'tasks are being restored')
      return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not_ready', reason })
    })
  }
  app.get('/metrics', async (_request, reply) => {
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
