/** Submissions and runs, as bodies have them. */
import { RUN_STATUSES } from '../../topology/read-model/port.ts'
import * as common from './common.ts'
import {
  anything,
  boolean,
  choice,
  either,
  integer,
  list,
  mapOf,
  named,
  nullable,
  object,
  optional,
  schema,
  strict,
  text,
} from './schema.ts'

const { epochMs, errorInfo, runId } = common
export const status = choice('Where the run is.', RUN_STATUSES)
const flowName = text('Name of the flow.')
export const submission = named(
  'Submission',
  strict({
    flow: flowName,
    version: optional(nullable(integer('Of the flow; without it the latest one that is not deprecated.', 1))),
    input: optional(anything('Of the run; at most 1 MiB as JSON.')),
    idempotency_key: optional(
      nullable(text('The same key and body again give the first run.', { minLength: 1, maxLength: 256 })),
    ),
    sticky_key: optional(nullable(text('Runs of one key go to the same worker.', { minLength: 1, maxLength: 256 }))),
    priority: optional(nullable(integer('Higher first; by default what the flow says.', 0, 9))),
    metadata: optional(nullable(mapOf(anything('Value.'), 'For search; at most 16 KiB as JSON.'))),
    tenant: optional(nullable(text('Tenant, where no header says it.'))),
    run_id: optional(nullable(runId)),
    traceparent: optional(nullable(text('W3C trace context.'))),
  }),
)

export const accepted = named(
  'Accepted',
  object({ run_id: runId, status, position: common.position }, 'A submission that is durable.'),
)

const summary = {
  run_id: runId,
  tenant_id: text('Tenant.'),
  flow: flowName,
  version: integer('Of the flow; 0 for a submission that was refused.', 0),
  status,
  accepted_at_ms: epochMs('When it was accepted.'),
  started_at_ms: nullable(epochMs('When its first step began.')),
  finished_at_ms: nullable(epochMs('When it ended.')),
  error: nullable(errorInfo),
  replay_of: nullable(runId),
  replay_id: nullable(text('Of the replay or rerun that it came from.')),
}

export const runSummary = named('RunSummary', object(summary, 'A run in a list, without payloads.'))

const failedAttempt = named(
  'FailedAttempt',
  object({
    attempt: integer('From 1.', 1),
    failed_at_ms: epochMs('When it failed.'),
    error: errorInfo,
  }),
)

const stepStatus = choice('Where the step is.', [
  'queued',
  'running',
  'retrying',
  'waiting',
  'completed',
  'failed',
  'timed_out',
  'skipped',
  'cancelled',
])

export const step = named(
  'Step',
  object({
    step_id: text('Step id.'),
    status: stepStatus,
    attempt: integer('Number of the latest attempt; 0 before the first.', 0),
    pool: nullable(choice('Where it runs.', ['cpu', 'io', 'gpu', 'external'])),
    worker_id: nullable(text('Who ran the latest attempt.')),
    queued_at_ms: nullable(epochMs('When it was queued.')),
    started_at_ms: nullable(epochMs('When its latest attempt began.')),
    finished_at_ms: nullable(epochMs('When it ended.')),
    due_at_ms: nullable(epochMs('When a retry or a wait is due.')),
    reason: nullable(text('What it waits for, or why it was skipped or cancelled.')),
    output: anything('What it gave; `null` also where it was too large to be kept.'),
    output_omitted_bytes: optional(integer('Size of an output that was too large to be kept.', 0)),
    error: nullable(errorInfo),
    optional: boolean('Its failure counted as completion.'),
    failed_attempts: list(failedAttempt, 'Attempts that failed and were followed by another one.'),
  }),
)

export const run = named(
  'Run',
  object({
    ...summary,
    priority: integer('Higher first.', 0, 9),
    sticky_key: nullable(text('Sticky key.')),
    idempotency_key: nullable(text('Idempotency key.')),
    deadline_at_ms: nullable(epochMs('When it is ended if it has not by itself.')),
    metadata: nullable(mapOf(anything('Value.'), 'As it was submitted.')),
    input: anything('As it was submitted; `null` also where it was too large to be kept.'),
    input_omitted_bytes: optional(integer('Size of an input that was too large to be kept.', 0)),
    output: anything('What the run gave.'),
    output_omitted_bytes: optional(integer('Size of an output that was too large to be kept.', 0)),
    failed_step: nullable(text('The step whose failure ended the run.')),
    cancel_reason: nullable(text('Why it was cancelled.')),
    letter_id: nullable(text('Dead letter of a failed run.')),
    cause: object({ topic: text('Topic.'), offset: integer('Offset.', 0) }, 'Outside record that it came from.'),
    steps: list(step, 'In the order in which they first appeared.'),
    as_of: text('Everything before this position is in the answer.', { examples: ['events/2/117'] }),
  }),
)

export const lineAnswer = named(
  'LineAnswer',
  either(
    object({
      line: integer('Number of the line, from 1.', 1),
      status: schema<'accepted'>({ const: 'accepted' }),
      run_id: runId,
      position: common.position,
      repeated: boolean('The run was there before, under the same key.'),
    }),
    object({
      line: integer('Number of the line, from 1.', 1),
      status: schema<'refused'>({ const: 'refused' }),
      error: common.errorFields,
    }),
  ),
)
