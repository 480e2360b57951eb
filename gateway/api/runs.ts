/** `/api/v1/runs` */

import { WAIT_KINDS } from '../../topology/read-model/lists.ts'
import { RUN_STATUSES } from '../../topology/read-model/port.ts'
import * as common from './common.ts'
import { json, jsonBody, LINES_TYPE, operation } from './operation.ts'
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
const tag = 'runs'
const status = choice('Where the run is.', RUN_STATUSES)
const flowName = text('Name of the flow.')
const wait = optional(
  text('Waits so long for the end of the run and answers with the run then, e.g. `30s`.', {
    pattern: '^\\d{1,9}(ms|s|m|h)$',
  }),
)

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

const lineAnswer = named(
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

const params = { run_id: runId }

export const submitRun = operation({
  method: 'POST',
  path: '/api/v1/runs',
  tag,
  summary: 'Start a run',
  description: 'Answers once the submission is durable; with `wait`, with the run once it has ended.',
  headers: { ...common.tenantHeader, ...common.idempotencyHeader },
  query: { wait },
  body: jsonBody(submission, 'What to run.'),
  answers: {
    200: json(either(run, accepted), 'The run has ended, or was there before under the same key.'),
    202: json(accepted, 'Accepted; it goes on.'),
  },
  errors: [
    'invalid_request',
    'flow_not_found',
    'flow_deprecated',
    'conflict',
    'payload_too_large',
    'unsupported_media_type',
    'rate_limit_exceeded',
    'service_overloaded',
    'timeout',
  ],
})

export const submitRuns = operation({
  method: 'POST',
  path: '/api/v1/runs/batch',
  tag,
  summary: 'Start many runs',
  description:
    'A submission a line (NDJSON), up to 10,000 lines and 32 MiB; an answer a line, in the same order. Lines that are broken are refused one by one, the others are taken. ' +
    'With an `Idempotency-Key` (up to 240 characters) the same batch may be sent again: each line gets a key made of it and its number.',
  headers: { ...common.tenantHeader, ...common.idempotencyHeader },
  body: { description: 'Submissions.', type: LINES_TYPE, schema: submission, required: true },
  answers: { 200: { description: 'An answer for each line.', type: LINES_TYPE, schema: lineAnswer } },
  errors: [
    'invalid_request',
    'payload_too_large',
    'unsupported_media_type',
    'rate_limit_exceeded',
    'service_overloaded',
    'timeout',
  ],
})

const order = optional(choice('By time of acceptance, or of the end where it is asked for.', ['newest', 'oldest']))
const since = (what: string) => optional(integer(`${what}, milliseconds since 1970; included.`, 0))
const until = (what: string) => optional(integer(`${what}, milliseconds since 1970; not included.`, 0))

export const runFilter = {
  flow: optional(text('Runs of this flow.')),
  version: optional(integer('Of this version of the flow.', 1, 1_000_000_000)),
  status: optional(choice('With this status.', RUN_STATUSES)),
  waiting_for: optional(choice('A step of the run waits for this now.', WAIT_KINDS)),
  waiting_step: optional(text('This step of the run waits now.')),
  error_code: optional(text('That ended with this error.')),
  accepted_from_ms: since('Accepted from then on'),
  accepted_to_ms: until('Accepted before then'),
  finished_from_ms: since('Ended from then on'),
  finished_to_ms: until('Ended before then'),
  metadata: optional(
    text(
      'Top-level fields of the metadata with these values, e.g. `customer:42`; up to 8, parted by commas. A comma, colon or backslash of a key or value has a backslash before it.',
    ),
  ),
}

export const listRuns = operation({
  method: 'GET',
  path: '/api/v1/runs',
  tag,
  summary: 'List runs',
  headers: common.tenantHeader,
  query: { ...runFilter, order, limit: common.limit, after: common.after },
  answers: {
    200: json(
      object({
        runs: list(runSummary),
        next: common.next,
        cut_short: boolean('Many runs did not pass the filter, so the answer ends early; `next` goes on.'),
        as_of: common.asOf,
      }),
      'Runs, without payloads.',
    ),
  },
  errors: ['invalid_request'],
})

export const countRuns = operation({
  method: 'GET',
  path: '/api/v1/runs/counts',
  tag,
  summary: 'Count runs',
  headers: common.tenantHeader,
  query: runFilter,
  answers: {
    200: json(
      object({
        counts: mapOf(integer('Runs.', 0), 'By status.'),
        total: integer('Of all statuses.', 0),
        complete: boolean('False: counting stopped at its bound; there are at least so many.'),
        as_of: common.asOf,
      }),
      'How many runs pass the filter.',
    ),
  },
  errors: ['invalid_request'],
})

export const getRun = operation({
  method: 'GET',
  path: '/api/v1/runs/:run_id',
  tag,
  summary: 'Show a run with its steps and attempts',
  headers: {
    ...common.tenantHeader,
    'If-None-Match': optional(text('`ETag` of an earlier answer: 304 if nothing has changed.')),
  },
  params,
  answers: { 200: json(run, 'The run.') },
  errors: ['invalid_request', 'run_not_found'],
})

export const runEvents = operation({
  method: 'GET',
  path: '/api/v1/runs/:run_id/events',
  tag,
  summary: 'What happened to a run',
  headers: common.tenantHeader,
  params,
  query: { after: common.after, limit: common.limit },
  answers: {
    200: json(
      object({ run_id: runId, events: list(common.event), next: common.next, as_of: common.position }),
      'Events in order, without payloads.',
    ),
  },
  errors: ['invalid_request', 'run_not_found'],
})

const span = named(
  'Span',
  object({
    step_id: text('Step id.'),
    attempt: integer('From 1; 0: before the first.', 0),
    kind: choice('What it was doing.', ['queued', 'running', 'waiting', 'retrying']),
    from_ms: epochMs('Its begin.'),
    to_ms: nullable(epochMs('Its end; `null`: it goes on.')),
    outcome: nullable(text('How it ended, where it did.')),
  }),
)

export const runTimeline = operation({
  method: 'GET',
  path: '/api/v1/runs/:run_id/timeline',
  tag,
  summary: 'When each step queued, ran and waited',
  headers: common.tenantHeader,
  params,
  answers: {
    200: json(
      object({
        run_id: runId,
        status,
        from_ms: epochMs('When the run was accepted.'),
        to_ms: nullable(epochMs('When it ended.')),
        spans: list(span, 'By begin.'),
        cut_short: boolean('The run has more events than were looked at.'),
        as_of: common.position,
      }),
      'Spans, as a chart draws them.',
    ),
  },
  errors: ['invalid_request', 'run_not_found'],
})

export const cancelRun = operation({
  method: 'POST',
  path: '/api/v1/runs/:run_id/cancel',
  tag,
  summary: 'Cancel a run',
  headers: common.tenantHeader,
  params,
  body: jsonBody(strict({ reason: optional(text('Why.', { minLength: 1, maxLength: 1000 })) }), 'Why.', false),
  answers: { 200: json(object({ run_id: runId, status: text('`cancelled`.') }), 'It is cancelled.') },
  errors: ['invalid_request', 'run_not_found', 'conflict', 'unsupported_media_type', 'timeout'],
})

export const retryRun = operation({
  method: 'POST',
  path: '/api/v1/runs/:run_id/retry',
  tag,
  summary: 'Go on with a failed run where it failed',
  description:
    'Replays the dead letter of the failed run: a new run takes over the outputs of the steps that had completed and begins with the one that failed. Asked again, it answers the same new run.',
  headers: common.tenantHeader,
  params,
  body: jsonBody(
    strict({
      patch: optional(anything('JSON merge patch for the input.')),
      reason: optional(nullable(text('Why.', { minLength: 1, maxLength: 1000 }))),
    }),
    'Changes.',
    false,
  ),
  answers: {
    202: json(
      object({ run_id: runId, retry_of: runId, letter_id: text('Dead letter.'), replay_id: text('Replay.') }),
      'The new run begins.',
    ),
  },
  errors: ['invalid_request', 'run_not_found', 'conflict', 'unsupported_media_type', 'timeout'],
})

export const rerunRun = operation({
  method: 'POST',
  path: '/api/v1/runs/:run_id/rerun',
  tag,
  summary: 'Run the whole again',
  description:
    'A new run of the same flow with the same input, or another one. The version stays unless another is named.',
  headers: { ...common.tenantHeader, ...common.idempotencyHeader },
  params,
  body: jsonBody(
    strict({
      input: optional(anything('Instead of the same input.')),
      patch: optional(anything('JSON merge patch for the same input.')),
      version: optional(choiceOrNumber()),
    }),
    'Changes.',
    false,
  ),
  answers: {
    200: json(accepted, 'It was begun before under the same key.'),
    202: json(accepted, 'The new run is accepted.'),
  },
  errors: [
    'invalid_request',
    'run_not_found',
    'flow_not_found',
    'flow_deprecated',
    'conflict',
    'payload_too_large',
    'unsupported_media_type',
    'rate_limit_exceeded',
    'service_overloaded',
    'timeout',
  ],
})

function choiceOrNumber() {
  return either(integer('Of the flow.', 1, 1_000_000_000), schema<'latest'>({ const: 'latest' }))
}
