/**
 * Prometheus metrics. Names that the older systems' dashboards know are kept where they mean the same; the others begin with `beamline_`.
 * Labels take few values: no run ids, no raw paths.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { fastCounter, fastHistogram } from './fast-counts.ts'

/** In a registry of its own, so that several nodes may live in one process. `processMetrics`: memory, CPU, event loop; default true. */
export function createRegistry({ processMetrics = true } = {}): Registry {
  const registry = new Registry()
  // the event loop is looked at once a second: the default of every 10 ms would keep an idle process awake
  if (processMetrics) collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 1000 })
  return registry
}

const HTTP_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]

export interface GatewayMetrics {
  observeRequest(method: string, route: string, status: number, seconds: number): void
  observeLimit(endpoint: string, tenant: string, allowed: boolean): void
  render(): Promise<string>
  readonly contentType: string
}

export function createGatewayMetrics(registry: Registry): GatewayMetrics {
  const requests = fastCounter({
    name: 'gateway_http_requests_total',
    help: 'HTTP requests answered.',
    labelNames: ['method', 'path', 'status'],
    registers: [registry],
  })
  const durations = fastHistogram(registry, {
    name: 'gateway_http_request_duration_seconds',
    help: 'From the arrival of a request to the end of its answer.',
    labelNames: ['method', 'path'],
    buckets: HTTP_BUCKETS,
  })
  const limits = limitCounters(registry)
  const counters = new Map<string, (status: number, seconds: number) => void>()
  const counterOf = (method: string, path: string) => {
    const observe = durations({ method, path })
    const counts = new Map<number, () => void>()
    return (status: number, seconds: number): void => {
      let count = counts.get(status)
      if (count === undefined) {
        count = requests({ method, path, status: String(status) })
        counts.set(status, count)
      }
      count()
      observe(seconds)
    }
  }
  return {
    observeRequest(method, path, status, seconds) {
      const key = `${method} ${path}`
      let counter = counters.get(key)
      if (counter === undefined) {
        counter = counterOf(method, path)
        counters.set(key, counter)
      }
      counter(status, seconds)
    },
    observeLimit: limits,
    render: () => registry.metrics(),
    contentType: registry.contentType,
  }
}

/** Tenants with series of their own; those that come later share one. */
const MAX_TENANTS = 100

function limitCounters(registry: Registry): GatewayMetrics['observeLimit'] {
  const counter = (name: string, help: string): Counter<'endpoint' | 'tenant_id'> =>
    new Counter({ name, help, labelNames: ['endpoint', 'tenant_id'], registers: [registry] })
  const hits = counter('gateway_rate_limit_hits_total', 'Requests to the older routes that a limit was asked about.')
  const allowed = counter('gateway_rate_limit_allowed_total', 'Requests to the older routes within their limits.')
  const exceeded = counter('gateway_rate_limit_exceeded_total', 'Requests to the older routes beyond a limit.')
  const tenants = new Set<string>()
  return (endpoint, tenant, isAllowed) => {
    if (tenants.size < MAX_TENANTS) tenants.add(tenant)
    const labels = { endpoint, tenant_id: tenants.has(tenant) ? tenant : 'other' }
    hits.inc(labels)
    if (isAllowed) allowed.inc(labels)
    else exceeded.inc(labels)
  }
}

/** A gauge whose value is asked for when metrics are read. */
export function gaugeOf(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read())
    },
  })
}
