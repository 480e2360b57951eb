/** The one place that loads OpenTelemetry; imported only where traces are wanted. */
import {
  type Attributes,
  DiagLogLevel,
  diag,
  type HrTime,
  type Link,
  ROOT_CONTEXT,
  SamplingDecision,
  type SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { NodeSDK } from '@opentelemetry/sdk-node'
import type { TracingOptions } from './options.ts'

/** A span that has ended, with the ids it is to have. */
export interface EndedSpan {
  readonly name: string
  readonly kind: SpanKind
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | null
  readonly startedAtMs: number
  readonly endedAtMs: number
  readonly attributes: Attributes
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[]
  readonly failed: boolean
}

export interface SpanSender {
  send(span: EndedSpan): void
  close(): Promise<void>
}

const TRACES_PATH = '/v1/traces'

/**
 * Sends spans in the background; what is too much is dropped. `onProblem` is told what the SDK warns of.
 * It is the process's one: of two senders at a time the first is used by both.
 */
export function startSending(
  options: TracingOptions,
  instance: string,
  onProblem: (message: string) => void,
): SpanSender {
  // told in the same breath in which a span is begun
  const ids = { traceId: '', spanId: '' }
  const sdk = new NodeSDK({
    ...(options.endpoint === null ? {} : { traceExporter: exporterTo(options.endpoint, options.headers) }),
    idGenerator: { generateTraceId: () => ids.traceId, generateSpanId: () => ids.spanId },
    // what is sent was decided before
    sampler: { shouldSample: () => ({ decision: SamplingDecision.RECORD_AND_SAMPLED }), toString: () => 'decided' },
    serviceName: options.service,
    // those of the package tell the command line, which may hold secrets
    resourceDetectors: [{ detect: () => ({ attributes: { 'service.instance.id': instance, ...options.attributes } }) }],
    textMapPropagator: null,
    metricReaders: [],
    logRecordProcessors: [],
  })
  sdk.start()
  const tell = (message: string, ...more: unknown[]): void => onProblem([message, ...more.map(String)].join(' '))
  const silent = (): void => {}
  diag.setLogger(
    { error: tell, warn: tell, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
  const tracer = trace.getTracer('beamline')
  return {
    send(span) {
      ids.traceId = span.traceId
      ids.spanId = span.spanId
      const { name, kind, attributes } = span
      const links = span.links.map((link): Link => ({ context: { ...link, traceFlags: TraceFlags.SAMPLED } }))
      const started = tracer.startSpan(
        name,
        { kind, attributes, links, startTime: timeOf(span.startedAtMs) },
        parentOf(span),
      )
      if (span.failed) started.setStatus({ code: SpanStatusCode.ERROR })
      started.end(timeOf(Math.max(span.startedAtMs, span.endedAtMs)))
    },
    async close() {
      await sdk.shutdown()
      trace.disable()
      diag.disable()
    },
  }
}

function exporterTo(endpoint: string, headers: TracingOptions['headers']): OTLPTraceExporter {
  const base = endpoint.replace(/\/+$/, '')
  return new OTLPTraceExporter({ url: base.endsWith(TRACES_PATH) ? base : `${base}${TRACES_PATH}`, headers })
}

function parentOf({ traceId, parentSpanId }: EndedSpan) {
  if (parentSpanId === null) return ROOT_CONTEXT
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId: parentSpanId,
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  })
}

/** Not as a number, which the SDK takes for time since the start of the process where it is small: runs may be older than the process. */
function timeOf(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.round((ms - seconds * 1000) * 1_000_000)]
}
