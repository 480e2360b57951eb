/** A task with `control` and `dlq`, and letters of runs and of records. */
import { control } from '../../../processors/control/control.ts'
import { createDlq, type DlqOptions } from '../../../processors/dlq/dlq.ts'
import { encodeRecord } from '../../../schemas/codec/wire.ts'
import type { RunId, StepId, TenantId } from '../../../schemas/ids.ts'
import { toJsonText } from '../../../schemas/json.ts'
import type { FlowPublished } from '../../../schemas/records/control.ts'
import type {
  DeadLetter,
  DiscardDeadLetters,
  LetterFilter,
  PlanReplay,
  ReplayDeadLetters,
} from '../../../schemas/records/dlq.ts'
import type { SubmitRun } from '../../../schemas/records/ingest.ts'
import { driveTask, type Emitted, type TaskDriver } from '../../support/outcome.ts'

export const START_MS = 1_000_000
export const DAY_MS = 86_400_000
export const REPLY_TO = { partition: 0, correlation: 'c1' }

export function runIdOf(n: number): RunId {
  return `0007aaaa-bbbb-8ccc-9ddd-${n.toString(16).padStart(12, '0')}` as RunId
}

export function runLetter(
  n: number,
  fields: Partial<DeadLetter> = {},
  run: Partial<DeadLetter['run']> = {},
): DeadLetter {
  return {
    kind: 'DeadLetter',
    letterId: runIdOf(n),
    tenant: 'acme' as TenantId,
    category: 'run_failed',
    error: {
      code: 'HTTP_ERROR',
      message: `GET /orders/${n} gave 500`,
      class: 'transient',
      retryAfterMs: null,
      detail: null,
    },
    topic: 'result',
    partition: 0,
    offset: n,
    run: {
      runId: runIdOf(n),
      flow: 'orders',
      version: 1,
      input: toJsonText({ order: n, to: { city: 'Bern', zip: '3000' } }),
      stickyKey: null,
      priority: 5,
      metadata: null,
      traceparent: null,
      failedStep: 'pay' as StepId,
      attempts: 3,
      completed: [{ stepId: 'load' as StepId, output: toJsonText({ total: n }) }],
      ...run,
    },
    record: null,
    parentLetterId: null,
    atMs: START_MS - 10,
    ...fields,
  }
}

export function recordLetter(n: number, fields: Partial<DeadLetter> = {}): DeadLetter {
  return {
    ...runLetter(n),
    letterId: `ingest-0-${n}`,
    category: 'record_unreadable',
    error: { code: 'RECORD_NOT_AVRO', message: 'no record', class: 'permanent', retryAfterMs: null, detail: null },
    topic: 'ingest',
    run: null,
    record: { key: 'k', value: Buffer.from(`bytes ${n}`), headers: { trace_id: 't1' } },
    ...fields,
  }
}

/** A submission that ingest refused. */
export function refusedSubmission(n: number, replay: SubmitRun['replay']): DeadLetter {
  const submission: SubmitRun = {
    kind: 'SubmitRun',
    runId: runIdOf(n),
    tenant: 'acme' as TenantId,
    flow: 'orders',
    version: 1,
    input: toJsonText({}),
    idempotencyKey: null,
    stickyKey: null,
    priority: null,
    metadata: null,
    traceparent: null,
    replyTo: null,
    submittedAtMs: START_MS,
    replay,
  }
  return recordLetter(n, {
    category: 'record_refused',
    record: { key: null, value: encodeRecord(submission), headers: {} },
  })
}

export function published(version: number, tenant = 'acme'): FlowPublished {
  return {
    kind: 'FlowPublished',
    tenant: tenant as TenantId,
    flow: 'orders',
    version,
    document: toJsonText({
      flow: 'orders',
      input: { type: 'object', properties: { to: { type: 'object' } } },
      steps: [{ id: 'only', type: 'echo' }],
    }),
    hash: '',
    publishedAtMs: 0,
    publishedBy: null,
  }
}

export function filter(fields: Partial<LetterFilter> = {}): LetterFilter {
  return { tenant: 'acme' as TenantId, fingerprint: null, flow: null, code: null, letterIds: [], ...fields }
}

export function plan(sample = 10, fields: Partial<LetterFilter> = {}): PlanReplay {
  return { kind: 'PlanReplay', filter: filter(fields), sample, replyTo: REPLY_TO }
}

export function replay(fields: Partial<ReplayDeadLetters> = {}): ReplayDeadLetters {
  return {
    kind: 'ReplayDeadLetters',
    replayId: 'r1',
    filter: filter(),
    ratePerSecond: 0,
    limit: null,
    patch: null,
    requestedBy: 'ann',
    reason: 'fixed',
    replyTo: REPLY_TO,
    ...fields,
  }
}

export function discard(fields: Partial<DiscardDeadLetters> = {}): DiscardDeadLetters {
  return {
    kind: 'DiscardDeadLetters',
    filter: filter(),
    reason: 'obsolete',
    requestedBy: 'ann',
    replyTo: REPLY_TO,
    ...fields,
  }
}

/** A task that knows version 1 of the flow and holds the letters. */
export function dlqTask(letters: readonly DeadLetter[] = [], options: DlqOptions = {}): TaskDriver {
  const task = driveTask([control, createDlq(options)], { partitions: 4, partition: 3, now: START_MS })
  task.send('control', published(1))
  for (const letter of letters) task.send('dlq', letter)
  return task
}

export function submitted(emits: readonly Emitted[]): SubmitRun[] {
  return emits.flatMap(({ record }) => (record.kind === 'SubmitRun' ? [record] : []))
}

export function letterIds(
  emits: readonly Emitted[],
  kind: 'LetterStored' | 'LetterReplayed' | 'LetterDiscarded',
): string[] {
  return emits.flatMap(({ record }) => (record.kind === kind ? [record.letterId] : []))
}
