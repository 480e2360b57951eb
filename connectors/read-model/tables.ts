/**
 * The tables of the read model as queries see them; both databases have them, in their own types. A change of these raises
 * {@link TABLES_VERSION}: a projection of another version is built again from the log.
 */
import type { Generated } from 'kysely'

export const TABLES_VERSION = 4

export interface PositionsTable {
  partition: number
  next_offset: number
  /** Time of the latest event applied. */
  latest_ms: number | null
}

export interface RunsTable {
  /** Small and growing, so that a run's rows lie together and indexes stay narrow; another one after a rebuild. */
  n: Generated<number>
  /** `runKey` of the id: what a run is found by, together with the id. An index of it takes a quarter of what one of the ids would. */
  run_key: number
  run_id: string
  tenant: string
  flow: string
  version: number
  status: string
  accepted_at_ms: number
  started_at_ms: number | null
  finished_at_ms: number | null
  partition: number
  priority: number
  deadline_at_ms: number | null
  cause_topic: string
  cause_offset: number
  sticky_key: string | null
  idempotency_key: string | null
  failed_step: string | null
  error_code: string | null
  cancel_reason: string | null
  letter_id: string | null
  replay_of: string | null
  replay_id: string | null
  input_bytes: number | null
  output_bytes: number | null
  /** Large columns come last: what lies before them is read without them. */
  error: string | null
  metadata: string | null
  /** `null` also where it lies in `large_inputs`. */
  input: string | null
  output: string | null
  /** Lines of `run-events.ts`: those of the batches that wrote this row. */
  events: string
  /** `packed-steps.ts`; `null` for a run that did not begin and end in one batch. */
  packed_steps: string | null
}

/**
 * Inputs of which every change of their run's row would write a copy, as SQLite does with whatever does not fit its page. In Postgres, which leaves large values
 * where they are, always empty.
 */
export interface LargeInputsTable {
  run_n: number
  input: string
}

export interface StepsTable {
  run_n: number
  step_id: string
  first_offset: number
  status: string
  attempt: number
  pool: string | null
  worker_id: string | null
  queued_at_ms: number | null
  started_at_ms: number | null
  finished_at_ms: number | null
  due_at_ms: number | null
  reason: string | null
  /** These three only while the step waits: its place in the lists of waiting runs. */
  waits_for: string | null
  waits_tenant: string | null
  waits_accepted_ms: number | null
  optional: number
  output_bytes: number | null
  error: string | null
  output: string | null
  /** Lines of `run-events.ts`, of any steps: those of batches that wrote this row and not that of the run. */
  events: string
}

export interface FailedAttemptsTable {
  run_n: number
  step_id: string
  attempt: number
  failed_at_ms: number
  error: string
}

export interface RunMetadataTable {
  run_n: number
  tenant: string
  key: string
  value: string
  accepted_at_ms: number
}

/** Kept up with every change of a run's status, so that nothing need be counted. By partition, so that projectors do not meet on a row. */
export interface RunCountsTable {
  partition: number
  tenant: string
  flow: string
  version: number
  status: string
  count: number
}

export interface LettersTable {
  n: Generated<number>
  letter_id: string
  tenant: string
  fingerprint: string
  category: string
  status: string
  code: string
  message: string
  error: string
  run_id: string | null
  flow: string | null
  step_id: string | null
  topic: string
  partition: number
  offset: number
  parent_letter_id: string | null
  at_ms: number
  replay_id: string | null
  new_run_id: string | null
  resolved_at_ms: number | null
  resolved_by: string | null
  resolved_reason: string | null
}

/** Letters of one fingerprint, kept up with them. */
export interface LetterGroupsTable {
  tenant: string
  fingerprint: string
  category: string
  flow: string | null
  step_id: string | null
  code: string
  message: string
  open: number
  replayed: number
  discarded: number
  first_at_ms: number
  last_at_ms: number
}

export interface OperationsTable {
  operation_id: string
  tenant: string
  action: string
  query: string
  request_hash: string
  rate_per_s: number
  /** So many of `operation_parts` belong to it. */
  partitions: number
  requested_by: string | null
  reason: string | null
  started_at_ms: number
  first_offset: number
}

/** How far each task has come. */
export interface OperationPartsTable {
  operation_id: string
  partition: number
  state: string
  matched: number
  done: number
  skipped: number
  failed: number
  at_ms: number
}

export interface OperationItemsTable {
  operation_id: string
  at_ms: number
  /** Partition, and number of the item within it, as text in their order. */
  place: string
  item_id: string
  outcome: string
  code: string | null
  new_run_id: string | null
}

export interface ReadTables {
  positions: PositionsTable
  runs: RunsTable
  large_inputs: LargeInputsTable
  steps: StepsTable
  failed_attempts: FailedAttemptsTable
  run_metadata: RunMetadataTable
  run_counts: RunCountsTable
  letters: LettersTable
  letter_groups: LetterGroupsTable
  operations: OperationsTable
  operation_parts: OperationPartsTable
  operation_items: OperationItemsTable
}
