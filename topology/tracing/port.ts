/**
 * Spans, told once they have ended. Where nothing is traced there is no `Tracing`, and nobody makes what is described here. Methods must not throw, and hold nobody up:
 * what cannot be sent in time is dropped.
 */
import type { TracedAttempt, TracedEnd } from '../../processors/traced.ts'
import type { RunId } from '../../schemas/ids.ts'
import type { AttemptName, TraceContext } from '../../schemas/trace-context.ts'

export type { TracedAttempt, TracedEnd, TracedRun } from '../../processors/traced.ts'

export interface AttemptTracing {
  /** What goes along with what an attempt asks of others: its own span as their parent. */
  traceparentOf(attempt: AttemptName, runTraceparent: string | null): string
  attempt(ended: TracedAttempt): void
}

/** A request of the gateway's clients. */
export interface TracedRequest {
  readonly context: TraceContext
  /** Span of the caller. */
  readonly parentSpanId: string | null
  /** A run that was submitted, where the caller has no trace: the request then belongs to the run's. */
  readonly runId: RunId | null
  /** A run that this request runs again, with what that one came with. */
  readonly replayOf: { readonly runId: RunId; readonly traceparent: string | null } | null
  readonly method: string
  /** The pattern. */
  readonly route: string
  readonly status: number
  readonly startedAtMs: number
  readonly endedAtMs: number
}

export interface RequestTracing {
  /** The span of a request, as yet to end; `traceparent` as the client sent it. */
  open(traceparent: string | null): Pick<TracedRequest, 'context' | 'parentSpanId'>
  request(ended: TracedRequest): void
}

export interface Tracing extends AttemptTracing, RequestTracing {
  /** What a task has decided, once it is durable. */
  ended(end: TracedEnd): void
  /** Sends what waits, for a bounded time. */
  close(): Promise<void>
}
