/** Rows of the tables as the port's views. */
import type { Selectable } from 'kysely'
import type { RunId, StepId, TenantId } from '../../../schemas/ids.ts'
import type { JsonText } from '../../../schemas/json.ts'
import type { Pool } from '../../../schemas/topics.ts'
import type { AsOf } from '../../../topology/read-model/lists.ts'
import type {
  FailedAttempt,
  LetterGroup,
  LetterStatus,
  LetterView,
  RunStatus,
  RunSummary,
  RunView,
  StepStatus,
  StepView,
  StoredPayload,
} from '../../../topology/read-model/port.ts'
import type { PackedStep } from '../packed-steps.ts'
import type { FailedAttemptsTable, LetterGroupsTable, LettersTable, RunsTable } from '../tables.ts'

export const SUMMARY_COLUMNS = [
  'n',
  'run_id',
  'tenant',
  'flow',
  'version',
  'status',
  'accepted_at_ms',
  'started_at_ms',
  'finished_at_ms',
  'error',
  'replay_of',
  'replay_id',
] as const satisfies readonly (keyof RunsTable)[]
export type SummaryRow = Pick<Selectable<RunsTable>, (typeof SUMMARY_COLUMNS)[number]>

/** All that a view of one run shows. */
export const VIEW_COLUMNS = [
  ...SUMMARY_COLUMNS,
  'partition',
  'priority',
  'deadline_at_ms',
  'cause_topic',
  'cause_offset',
  'sticky_key',
  'idempotency_key',
  'failed_step',
  'cancel_reason',
  'letter_id',
  'input_bytes',
  'output_bytes',
  'metadata',
  'input',
  'output',
  'packed_steps',
] as const satisfies readonly (keyof RunsTable)[]
export type ViewRow = Pick<Selectable<RunsTable>, (typeof VIEW_COLUMNS)[number]>

export function runSummary(row: SummaryRow): RunSummary {
  return {
    runId: row.run_id as RunId,
    tenant: row.tenant as TenantId,
    flow: row.flow,
    version: row.version,
    status: row.status as RunStatus,
    acceptedAtMs: row.accepted_at_ms,
    startedAtMs: row.started_at_ms,
    finishedAtMs: row.finished_at_ms,
    error: row.error as JsonText | null,
    replayOf: row.replay_of as RunId | null,
    replayId: row.replay_id,
  }
}

export function runView(row: ViewRow, steps: readonly StepView[], asOf: AsOf): RunView {
  return {
    ...runSummary(row),
    priority: row.priority,
    stickyKey: row.sticky_key,
    idempotencyKey: row.idempotency_key,
    deadlineAtMs: row.deadline_at_ms,
    metadata: row.metadata as JsonText | null,
    input: payload(row.input, row.input_bytes),
    output: payload(row.output, row.output_bytes),
    failedStep: row.failed_step as StepId | null,
    cancelReason: row.cancel_reason,
    letterId: row.letter_id,
    cause: { topic: row.cause_topic, offset: row.cause_offset },
    steps,
    asOf: { partition: row.partition, offset: asOf.positions[row.partition]!, eventMs: asOf.eventMs },
  }
}

export function stepView(row: PackedStep, failed: readonly Selectable<FailedAttemptsTable>[]): StepView {
  return {
    stepId: row.step_id as StepId,
    status: row.status as StepStatus,
    attempt: row.attempt,
    pool: row.pool as Pool | null,
    workerId: row.worker_id,
    queuedAtMs: row.queued_at_ms,
    startedAtMs: row.started_at_ms,
    finishedAtMs: row.finished_at_ms,
    dueAtMs: row.due_at_ms,
    reason: row.reason,
    output: payload(row.output, row.output_bytes),
    error: row.error as JsonText | null,
    optional: row.optional === 1,
    failedAttempts: failed.map(failedAttempt),
  }
}

function failedAttempt(row: Selectable<FailedAttemptsTable>): FailedAttempt {
  return { attempt: row.attempt, failedAtMs: row.failed_at_ms, error: row.error as JsonText }
}

function payload(text: string | null, sizeBytes: number | null): StoredPayload | null {
  if (text !== null) return { kind: 'text', text: text as JsonText }
  return sizeBytes === null ? null : { kind: 'omitted', sizeBytes }
}

export function letterGroup(row: Selectable<LetterGroupsTable>, sampleLetterIds: readonly string[]): LetterGroup {
  return {
    fingerprint: row.fingerprint,
    category: row.category,
    flow: row.flow,
    stepId: row.step_id as StepId | null,
    code: row.code,
    message: row.message,
    open: row.open,
    replayed: row.replayed,
    discarded: row.discarded,
    firstAtMs: row.first_at_ms,
    lastAtMs: row.last_at_ms,
    sampleLetterIds,
  }
}

export function letterView(row: Selectable<LettersTable>): LetterView {
  return {
    letterId: row.letter_id,
    tenant: row.tenant as TenantId,
    fingerprint: row.fingerprint,
    category: row.category,
    status: row.status as LetterStatus,
    error: row.error as JsonText,
    runId: row.run_id as RunId | null,
    flow: row.flow,
    stepId: row.step_id as StepId | null,
    topic: row.topic,
    partition: row.partition,
    offset: row.offset,
    parentLetterId: row.parent_letter_id,
    atMs: row.at_ms,
    replayId: row.replay_id,
    newRunId: row.new_run_id as RunId | null,
    resolvedAtMs: row.resolved_at_ms,
    resolvedBy: row.resolved_by,
    resolvedReason: row.resolved_reason,
  }
}
