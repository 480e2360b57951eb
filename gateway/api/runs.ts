/** `/api/v1/runs` */
import { WAIT_KINDS } from '../../topology/read-model/lists.ts'
import { RUN_STATUSES } from '../../topology/read-model/port.ts'
import * as common from './common.ts'
import { json, jsonBody, LINES_TYPE, operation } from './operation.ts'
import { accepted, lineAnswer, run, runSummary, status, submission } from './run-schemas.ts'
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

const { epochMs, runId } = common
const tag = 'runs'
const wait = optional(
  text('Waits so long for the end of the run and answers with the run then, e.g. `30s`.', {
    pattern: '^\\d{1,9}(ms|s|m|h)$',
  }),
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
    'Replays the dead letter of the failed run: a new run takes over the outputs of the steps that had completed and begins with the one that failed. Asked again with the same patch, it answers the same new run; with another one it is refused (`conflict`, `LETTER_NOT_OPEN`), naming the run that there is (`new_run_id`).',
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
