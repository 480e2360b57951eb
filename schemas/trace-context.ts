/**
 * The trace that a run belongs to, and the spans in it, as W3C trace context. All of it follows from what the run's rows and records hold anyway, so every process
 * gives the same answer, before a restart and after, and a span that is told twice has one id.
 *
 * A run that came with a `traceparent` belongs to that trace. Any other is a trace of its own, whose id is the run's id without its dashes.
 */
import { hash } from 'node:crypto'
import type { RunId, StepId } from './ids.ts'

export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 hexadecimal digits. */
  readonly spanId: string
  /** Whether whoever began the trace keeps it. */
  readonly sampled: boolean
}

/** What names a span of an attempt. */
export interface AttemptName {
  readonly runId: RunId
  readonly stepId: StepId
  readonly attempt: number
}

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/
const NO_TRACE = '0'.repeat(32)
const NO_SPAN = '0'.repeat(16)

/** `null` for what is no trace parent, or one of zeros, which the specification says to pass over. */
export function parseTraceparent(text: string): TraceContext | null {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(text.toLowerCase()) ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined || text.startsWith('ff')) return null
  if (traceId === NO_TRACE || spanId === NO_SPAN) return null
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

export function traceparentText({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-0${sampled ? 1 : 0}`
}

/** The trace of a run; for logs too, where nothing is traced. */
export function traceIdOfRun(runId: RunId, traceparent: string | null): string {
  return (traceparent === null ? null : parseTraceparent(traceparent)?.traceId) ?? runId.replaceAll('-', '')
}

export function spanIdOfRun(runId: RunId): string {
  return spanIdOf(`run/${runId}`)
}

export function spanIdOfAttempt({ runId, stepId, attempt }: AttemptName): string {
  return spanIdOf(`attempt/${runId}/${stepId}/${attempt}`)
}

function spanIdOf(name: string): string {
  return hash('sha256', name, 'hex').slice(0, 16)
}

/** The same for every span of a trace, wherever it is asked. `share`: 0..1. */
export function isSampled(traceId: string, share: number): boolean {
  return Number.parseInt(traceId.slice(24), 16) < share * 2 ** 32
}
