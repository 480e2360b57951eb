/** A span for each request, where the process traces. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { RunId } from '../../schemas/ids.ts'
import { traceparentText } from '../../schemas/trace-context.ts'
import type { Environment } from '../../topology/environment.ts'
import type { RequestTracing, TracedRequest } from '../../topology/tracing/port.ts'
import { traceparentOf } from './context.ts'

interface OpenSpan extends Pick<TracedRequest, 'context' | 'parentSpanId' | 'startedAtMs'> {
  runId: RunId | null
}

declare module 'fastify' {
  interface FastifyRequest {
    /** `null` where nothing is traced. */
    span: OpenSpan | null
  }
}

/** Questions about the process itself are not traced: they come every few seconds. */
export function traceRequests(
  app: FastifyInstance,
  tracing: RequestTracing | undefined,
  environment: Environment,
): void {
  app.decorateRequest('span', null)
  if (tracing === undefined) return
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.routeOptions.config.operation?.tag !== 'status') {
      request.span = { ...tracing.open(traceparentOf(request)), startedAtMs: environment.now(), runId: null }
    }
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    const { span, method, routeOptions } = request
    if (span !== null) {
      const route = routeOptions.url ?? 'unknown'
      tracing.request({ ...span, method, route, status: reply.statusCode, endedAtMs: environment.now() })
    }
    done()
  })
}

/** What a submission takes along: this request as the run's parent, if the client has a trace. Else the run is a trace of its own, see {@link traceSubmitted}. */
export function traceparentOfSubmission(request: FastifyRequest): string | null {
  const { span } = request
  if (span === null) return traceparentOf(request)
  return span.parentSpanId === null ? null : traceparentText(span.context)
}

/** Puts a request without a trace of its own into that of the run it has submitted. */
export function traceSubmitted(request: FastifyRequest, runId: RunId): void {
  if (request.span !== null) request.span.runId = runId
}
