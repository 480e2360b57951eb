import type { FastifyInstance } from 'fastify'
import type { Environment } from '../../topology/environment.ts'
import type { GatewayMetrics } from '../ports.ts'
import { type RecentRequests, recentRequests } from './recent-requests.ts'

/** Counts and times every request once it is answered; answers how it went lately. One hook for all of it: each is paid for by every request. */
export function observeRequests(
  app: FastifyInstance,
  metrics: GatewayMetrics,
  environment: Environment,
): () => RecentRequests {
  const recent = recentRequests(environment)
  app.addHook('onResponse', (request, { statusCode, elapsedTime }, done) => {
    metrics.observeRequest(request.method, request.routeOptions.url ?? 'unknown', statusCode, elapsedTime / 1000)
    recent.observe(statusCode, elapsedTime)
    done()
  })
  return recent.read
}
