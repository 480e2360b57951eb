import type { FastifyInstance } from 'fastify'
import type { GatewayMetrics } from '../ports.ts'

/** Counts and times every request once it is answered. */
export function observeRequests(app: FastifyInstance, metrics: GatewayMetrics): void {
  app.addHook('onResponse', (request, reply, done) => {
    metrics.observeRequest(
      request.method,
      request.routeOptions.url ?? 'unknown',
      reply.statusCode,
      reply.elapsedTime / 1000,
    )
    done()
  })
}
