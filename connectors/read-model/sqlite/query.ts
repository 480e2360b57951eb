/** Reads the projection's tables into the port's views. */
import type { DatabaseSync } from 'node:sqlite'
import type { RunId, StepId, TenantId } from '../../../schemas/ids.ts'
import type { JsonText } from '../../../schemas/json.ts'
import type { Pool } from '../../../schemas/topics.ts'
import {
  type FailedAttempt,
  type ReadModelCounts,
  RUN_STATUSES,
  type RunQuery,
  type RunStatus,
  type RunSummary,
  type RunView,
  type StepStatus,
  type StepView,
  type StoredPayload,
} from '../../../topology/read-model/port.ts'

export type Row = Readonly<Record<string, string | number | null>>

export interface RunQueries {
  getRun(tenant: TenantId, runId: RunId, nextOffset: (partition: number) => number): RunView | null
  /** `undefined` if there is no such run. */
  statusOf(tenant: TenantId, runId: RunId): RunStatus | undefined
  listRuns(query: RunQuery): RunSummary[]
  countRuns(): ReadModelCounts['runs']
}

export function createRunQueries(database: DatabaseSync): RunQueries {
  const status = database.prepare('SELECT status FROM runs WHERE run_id = ? AND tenant = ?')
  const run = database.prepare('SELECT * FROM runs WHERE run_id = ? AND tenant = ?')
  const steps = database.prepare('SELECT * FROM steps WHERE run_n = ? ORDER BY first_offset, step_id')
  const attempts = database.prepare('SELECT * FROM failed_attempts WHERE run_n = ? ORDER BY step_id, attempt')
  const counts = database.prepare('SELECT status, count(*) AS count FROM runs GROUP BY status')
  return {
    statusOf: (tenant, runId) => status.get(runId, tenant)?.status as RunStatus | undefined,
    getRun(tenant, runId, nextOffset) {
      const row = run.get(runId, tenant) as Row | undefined
      if (row === undefined) return null
      const n = row.n as number
      const failed = Map.groupBy(attempts.all(n) as Row[], (attempt) => attempt.step_id as string)
      const views = (steps.all(n) as Row[]).map((step) => stepView(step, failed.get(step.step_id as string) ?? []))
      return runView(row, views, nextOffset(row.partition as number))
    },
    listRuns: (query) => listRuns(database, query),
    countRuns() {
      const result = Object.fromEntries(RUN_STATUSES.map((name) => [name, 0])) as { [S in RunStatus]: number }
      for (const row of counts.all() as Row[]) result[row.status as RunStatus] = row.count as number
      return result
    },
  }
}

function listRuns(database: DatabaseSync, query: RunQuery): RunSummary[] {
  const conditions = ['tenant = ?']
  const values: (string | number)[] = [query.tenant]
  if (query.status !== null) {
    // Spelled out, so that the index that leaves out completed runs may be used for the others.
    if (query.status !== 'completed') conditions.push(`status <> 'completed'`)
    conditions.push('status = ?')
    values.push(query.status)
  }
  if (query.flow !== null) {
    conditions.push('flow = ?')
    values.push(query.flow)
  }
  if (query.after !== null) {
    conditions.push('(accepted_at_ms, run_id) < (?, ?)')
    values.push(query.after.acceptedAtMs, query.after.runId)
  }
  const sql = `SELECT * FROM runs WHERE ${conditions.join(' AND ')} ORDER BY accepted_at_ms DESC, run_id DESC LIMIT ?`
  return (database.prepare(sql).all(...values, query.limit) as Row[]).map(runSummary)
}

function runSummary(row: Row): RunSummary {
  return {
    runId: row.run_id as RunId,
    tenant: row.tenant as TenantId,
    flow: row.flow as string,
    version: row.version as number,
    status: row.status as RunStatus,
    acceptedAtMs: row.accepted_at_ms as number,
    startedAtMs: row.started_at_ms as number | null,
    finishedAtMs: row.finished_at_ms as number | null,
    error: row.error as JsonText | null,
    replayOf: row.replay_of as RunId | null,
    replayId: row.replay_id as string | null,
  }
}

function runView(row: Row, steps: readonly StepView[], nextOffset: number): RunView {
  return {
    ...runSummary(row),
    priority: row.priority as number,
    stickyKey: row.sticky_key as string | null,
    idempotencyKey: row.idempotency_key as string | null,
    deadlineAtMs: row.deadline_at_ms as number | null,
    metadata: row.metadata as JsonText | null,
    input: payload(row.input, row.input_bytes),
    output: payload(row.output, row.output_bytes),
    failedStep: row.failed_step as StepId | null,
    cancelReason: row.cancel_reason as string | null,
    letterId: row.letter_id as string | null,
    cause: { topic: row.cause_topic as string, offset: row.cause_offset as number },
    steps,
    asOf: { partition: row.partition as number, offset: nextOffset },
  }
}

function stepView(row: Row, failed: readonly Row[]): StepView {
  return {
    stepId: row.step_id as StepId,
    status: row.status as StepStatus,
    attempt: row.attempt as number,
    pool: row.pool as Pool | null,
    workerId: row.worker_id as string | null,
    queuedAtMs: row.queued_at_ms as number | null,
    startedAtMs: row.started_at_ms as number | null,
    finishedAtMs: row.finished_at_ms as number | null,
    dueAtMs: row.due_at_ms as number | null,
    reason: row.reason as string | null,
    output: payload(row.output, row.output_bytes),
    error: row.error as JsonText | null,
    optional: row.optional === 1,
    failedAttempts: failed.map(failedAttempt),
  }
}

function failedAttempt(row: Row): FailedAttempt {
  return {
    attempt: row.attempt as number,
    failedAtMs: row.failed_at_ms as number,
    error: row.error as JsonText,
  }
}

function payload(text: Row[string] | undefined, sizeBytes: Row[string] | undefined): StoredPayload | null {
  if (typeof text === 'string') return { kind: 'text', text: text as JsonText }
  return typeof sizeBytes === 'number' ? { kind: 'omitted', sizeBytes } : null
}
