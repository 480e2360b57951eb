/** What `/_metrics` shows, and `/metrics` to who asks for JSON, as the older console does. */
import type { FastifyRequest } from 'fastify'
import type { Edge } from '../http/edge.ts'
import type { RecentRequests } from '../http/recent-requests.ts'

/** Collectors name text forms first. */
export function prefersJson({ headers }: FastifyRequest): boolean {
  return /^\s*application\/json\b/i.test(headers.accept ?? '')
}

export function metricsJson({ log, environment }: Edge, { rps, latency, errorRate, limited }: RecentRequests): object {
  return {
    rps,
    latency,
    error_rate: errorRate,
    rate_limit: { exceeded: limited },
    nats: { connected: log.health().writable },
    ts: environment.now(),
  }
}
