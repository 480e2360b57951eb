/** Dead letters that the task itself writes: for records it cannot decode or decide, and for timers whose handler throws. */
import type { Turn } from '../../processors/turn.ts'
import { DEFAULT_TENANT, isTenantId, type RunId, type StepId, type TenantId } from '../../schemas/ids.ts'
import type { BeamlineRecord } from '../../schemas/records/index.ts'
import type { TaskTopic } from '../../schemas/topics.ts'
import { traceIdOfRun } from '../../schemas/trace-context.ts'
import type { OutRecord } from '../log/port.ts'
import type { RecordSubject } from './observer.ts'

export interface Failure {
  readonly category: 'record_unreadable' | 'record_refused' | 'record_poison' | 'critical'
  readonly code: string
  readonly message: string
  /** What the record was about, if it could be read. */
  readonly about?: RecordSubject
}

export function subjectOf(message: BeamlineRecord | null): RecordSubject | undefined {
  const { runId, stepId, attempt, traceparent } = (message ?? {}) as { readonly [name: string]: unknown }
  if (typeof runId !== 'string') return undefined
  return {
    runId: runId as RunId,
    stepId: typeof stepId === 'string' ? (stepId as StepId) : null,
    attempt: typeof attempt === 'number' ? attempt : null,
    // of other records the run's rows know, which may be what is broken
    traceId: traceparent === undefined ? null : traceIdOfRun(runId as RunId, traceparent as string | null),
  }
}

export function letterForRecord(turn: Turn, topic: TaskTopic, offset: number, record: OutRecord, failure: Failure) {
  const letter: BeamlineRecord = {
    kind: 'DeadLetter',
    // the same record makes the same letter, however often it is decided; a fused one is told apart by its content's turn
    letterId: `${topic}-${turn.partition}-${offset}${record.handled ? `-${turn.random().toString(16)}` : ''}`,
    tenant: tenantOf(record),
    category: failure.category,
    error: { code: failure.code, message: failure.message, class: 'permanent', retryAfterMs: null, detail: null },
    topic,
    partition: turn.partition,
    offset,
    run: null,
    record: { key: record.key, value: bytesOf(record), headers: record.headers ?? {} },
    parentLetterId: null,
    atMs: turn.now,
  }
  return { letter, failure }
}

export function letterForTimer(turn: Turn, store: string, key: string, error: Error) {
  const failure: Failure = { category: 'critical', code: 'TIMER_THREW', message: `${store} '${key}': ${error.message}` }
  const letter: BeamlineRecord = {
    kind: 'DeadLetter',
    letterId: `timer-${turn.partition}-${store}-${key}`,
    tenant: DEFAULT_TENANT,
    category: failure.category,
    error: { code: failure.code, message: failure.message, class: 'permanent', retryAfterMs: null, detail: null },
    topic: 'timer',
    partition: turn.partition,
    offset: turn.cause.offset,
    run: null,
    record: null,
    parentLetterId: null,
    atMs: turn.now,
  }
  return { letter, failure }
}

function tenantOf(record: OutRecord): TenantId {
  const message = record.message as { tenant?: unknown } | null
  const named = message?.tenant ?? record.headers?.['tenant_id']
  return typeof named === 'string' && isTenantId(named) ? named : DEFAULT_TENANT
}

/** The record's value as the codec takes bytes. */
export function bytesOf({ value }: OutRecord): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}
