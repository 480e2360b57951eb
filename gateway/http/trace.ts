/** A span for each request, where the process traces. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { decodeRecord } from '../../schemas/codec/wire.ts'
import type { RunId, TenantId } from '../../schemas/ids.ts'
import { traceparentText } from '../../schemas/trace-context.ts'
import type { Environment } from '../../topology/environment.ts'
import type { RunView } from '../../topology/read-model/port.ts'
import type { RequestTracing, TracedRequest } from '../../topology/tracing/port.ts'
import { traceparentOf } from './context.ts'
import type { Edge } from './edge.ts'
import { recordAt } from './record-at.ts'

interface OpenSpan extends Pick<TracedRequest, 'context' | 'parentSpanId' | 'startedAtMs'> {
  runId: RunId | null
  replayOf: TracedRequest['replayOf']
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
      request.span = {
        ...tracing.open(traceparentOf(request)),
        startedAtMs: environment.now(),
        runId: null,
        replayOf: null,
      }
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

/**
 * Links the request that runs another one again to that one, in whatever trace that was: the task that tells of the new run knows no more than the old one's id.
 * Costs nothing where nothing is traced.
 */
export async function traceRunAgain(request: FastifyRequest, edge: Edge, { tenant, runId }: RunView): Promise<void> {
  const { span } = request
  if (span === null) return
  try {
    span.replayOf = { runId, traceparent: await traceparentOfRun(edge, tenant, runId) }
  } catch {
    // the run has been submitted: its answer does not fail for want of a link
  }
}

/** As the event of its acceptance says. @throws where that is not to be had */
async function traceparentOfRun(edge: Edge, tenant: TenantId, runId: RunId): Promise<string | null> {
  const page = await edge.readModel.runEvents({ tenant, runId, after: null, limit: 1 })
  const [first] = page?.events ?? []
  const record = first === undefined ? null : await recordAt(edge, 'events', page!.partition, first.offset)
  const message = record === null ? null : (record.message ?? decodeRecord(record.value))
  if (message?.kind !== 'RunAccepted') throw new Error(`the acceptance of run '${runId}' is not kept any more`)
  return message.traceparent
}
