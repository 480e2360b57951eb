/** Spans of requests, runs and attempts, as OpenTelemetry. Without payloads and messages: what failed is told by its code. */
import type { Attributes } from '@opentelemetry/api'
import {
  isSampled,
  parseTraceparent,
  spanIdOfAttempt,
  spanIdOfRun,
  type TraceContext,
  traceIdOfRun,
  traceparentText,
} from '../../schemas/trace-context.ts'
import type { Environment } from '../../topology/environment.ts'
import type { TracedAttempt, TracedRequest, TracedRun, Tracing } from '../../topology/tracing/port.ts'
import type { TracingOptions } from './options.ts'
import type { EndedSpan, SpanSender } from './sdk.ts'

/** As OpenTelemetry numbers them. */
const KINDS = { internal: 0, server: 1, consumer: 4 } as const
/** How long the end of the process is held up for spans that wait. */
const CLOSE_MS = 3_000

export interface TracingDependencies {
  readonly environment: Environment
  /** Tells processes of the service apart. */
  readonly instance: string
  readonly onProblem: (message: string) => void
}

/** Loads OpenTelemetry. */
export async function openTracing(options: TracingOptions, dependencies: TracingDependencies): Promise<Tracing> {
  const { environment, instance, onProblem } = dependencies
  const { startSending } = await import('./sdk.ts')
  return createTracing(startSending(options, instance, onProblem), options.share, environment)
}

export function createTracing(sender: SpanSender, share: number, environment: Environment): Tracing {
  const ofRun = (runId: TracedRun['runId'], traceparent: string | null): Omit<TraceContext, 'spanId'> => {
    const given = traceparent === null ? null : parseTraceparent(traceparent)
    const traceId = given?.traceId ?? traceIdOfRun(runId, null)
    return { traceId, sampled: given?.sampled ?? isSampled(traceId, share) }
  }
  const attempt = (ended: TracedAttempt): void => {
    const { traceId, sampled } = ofRun(ended.runId, ended.traceparent)
    if (sampled || ended.errorCode !== null) sender.send(attemptSpan(ended, traceId))
  }
  return {
    traceparentOf(name, traceparent) {
      return traceparentText({ ...ofRun(name.runId, traceparent), spanId: spanIdOfAttempt(name) })
    },
    attempt,
    ended(end) {
      if (end.kind === 'attempt') return attempt(end)
      const { traceId, sampled } = ofRun(end.runId, end.traceparent)
      if (sampled || end.errorCode !== null) sender.send(runSpan(end, traceId))
    },
    open(traceparent) {
      const parent = traceparent === null ? null : parseTraceparent(traceparent)
      const traceId = parent?.traceId ?? digits(environment, 4)
      const sampled = parent?.sampled ?? isSampled(traceId, share)
      return { context: { traceId, spanId: digits(environment, 2), sampled }, parentSpanId: parent?.spanId ?? null }
    },
    request(ended) {
      const own = ended.parentSpanId === null && ended.runId !== null ? ofRun(ended.runId, null) : ended.context
      if (own.sampled || ended.status >= 500) sender.send(requestSpan(ended, own.traceId))
    },
    async close() {
      let cancel = (): void => {}
      const enough = new Promise<void>((resolve) => {
        cancel = environment.after(CLOSE_MS, resolve)
      })
      await Promise.race([sender.close().catch(() => undefined), enough])
      cancel()
    },
  }
}

/** Of 8 hexadecimal digits each; never all zeros. */
function digits(environment: Environment, words: number): string {
  return Array.from({ length: words }, () => (environment.randomU32() || 1).toString(16).padStart(8, '0')).join('')
}

function runSpan(run: TracedRun, traceId: string): EndedSpan {
  const { runId, traceparent, replay, status } = run
  const parent = traceparent === null ? null : parseTraceparent(traceparent)
  return {
    name: `run ${run.flow}`,
    kind: KINDS.consumer,
    traceId,
    spanId: spanIdOfRun(runId),
    parentSpanId: parent?.spanId ?? null,
    startedAtMs: run.startedAtMs,
    endedAtMs: run.endedAtMs,
    attributes: {
      ...attributesOf(run),
      'beamline.status': status,
      ...(replay === null ? {} : { 'beamline.replay_of': replay.of }),
    },
    links:
      replay === null
        ? []
        : [{ traceId: replay.sharesTrace ? traceId : traceIdOfRun(replay.of, null), spanId: spanIdOfRun(replay.of) }],
    failed: status === 'failed' || status === 'timed_out',
  }
}

function attemptSpan(ended: TracedAttempt, traceId: string): EndedSpan {
  const { runId, stepId, attempt, block, pool, status, workerId, waitedMs } = ended
  return {
    name: `attempt ${stepId}`,
    kind: KINDS.internal,
    traceId,
    spanId: spanIdOfAttempt(ended),
    parentSpanId: spanIdOfRun(runId),
    startedAtMs: ended.startedAtMs,
    endedAtMs: ended.endedAtMs,
    attributes: {
      ...attributesOf(ended),
      'beamline.step_id': stepId,
      'beamline.attempt': attempt,
      'beamline.block': block,
      'beamline.pool': pool,
      'beamline.worker_id': workerId,
      'beamline.status': status,
      ...(waitedMs === null ? {} : { 'beamline.waited_ms': waitedMs }),
    },
    links: [],
    failed: status !== 'success' && status !== 'cancelled',
  }
}

function attributesOf({ runId, tenant, flow, version, errorCode }: TracedRun | TracedAttempt): Attributes {
  return {
    'beamline.run_id': runId,
    'beamline.tenant_id': tenant,
    'beamline.flow_id': flow,
    'beamline.flow_version': version,
    ...(errorCode === null ? {} : { 'error.type': errorCode }),
  }
}

/** One that submits a run without a trace of its own hangs below the run, whose trace it could not know before. */
function requestSpan(request: TracedRequest, traceId: string): EndedSpan {
  const { method, route, status, runId, replayOf, parentSpanId, context } = request
  return {
    name: 'gateway.http.request',
    kind: KINDS.server,
    traceId,
    spanId: context.spanId,
    parentSpanId: parentSpanId ?? (runId === null ? null : spanIdOfRun(runId)),
    startedAtMs: request.startedAtMs,
    endedAtMs: request.endedAtMs,
    attributes: {
      'http.request.method': method,
      'http.route': route,
      'http.response.status_code': status,
      ...(runId === null ? {} : { 'beamline.run_id': runId }),
    },
    links: replayOf === null ? [] : [linkTo(replayOf)],
    failed: status >= 500,
  }
}

function linkTo({ runId, traceparent }: NonNullable<TracedRequest['replayOf']>): EndedSpan['links'][number] {
  return { traceId: traceIdOfRun(runId, traceparent), spanId: spanIdOfRun(runId) }
}
