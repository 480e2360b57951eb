/** `/api/v1/operations` */
import { RUN_STATUSES } from '../../topology/read-model/port.ts'
import * as common from './common.ts'
import { json, jsonBody, operation } from './operation.ts'
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
  number,
  object,
  optional,
  schema,
  strict,
  text,
} from './schema.ts'

const tag = 'operations'
const headers = common.tenantHeader
const ACTIONS = ['cancel', 'retry', 'rerun', 'replay', 'discard'] as const
const action = choice(
  '`cancel` runs, `retry` the failed step of failed runs, `rerun` whole runs, `replay` or `discard` dead letters.',
  ACTIONS,
)
const operationId = text('Operation.', { examples: ['op-5f0c9a5d2f6b4e1c8d7a3b2c1d0e9f8a'] })
const count = (description: string) => integer(description, 0)
const nameFilter = (description: string) => optional(nullable(text(description, { minLength: 1, maxLength: 256 })))
const instantFilter = (description: string) => optional(nullable(common.epochMs(description)))

const runQuery = named(
  'RunQuery',
  strict(
    {
      flow: nameFilter('Of this flow.'),
      version: optional(nullable(integer('Of the flow.', 1))),
      status: optional(nullable(text('One that the action can be done to; without it, any of these.'))),
      waiting_for: optional(nullable(text('A step of the run waits for this now; as in the list of runs.'))),
      waiting_step: optional(nullable(text('This step waits now.'))),
      error_code: nameFilter('That ended with this error.'),
      accepted_from_ms: instantFilter('Accepted from then on.'),
      accepted_to_ms: instantFilter('Accepted before.'),
      finished_from_ms: instantFilter('That ended from then on.'),
      finished_to_ms: instantFilter('That ended before.'),
      metadata: optional(mapOf(anything('Text, number or boolean.'), 'Fields of its metadata; at most 8.')),
    },
    'Which runs: all that is given must hold, as in the list of runs.',
  ),
)
const letterQuery = named(
  'LetterQuery',
  strict(
    {
      fingerprint: nameFilter('Of this fingerprint.'),
      flow: nameFilter('Of this flow.'),
      code: nameFilter('With this error.'),
      letter_ids: optional(list(text('Letter.', { minLength: 1, maxLength: 256 }), 'These; empty: all.', 10_000)),
    },
    'Which open dead letters.',
  ),
)

const fields = {
  operation_id: operationId,
  tenant_id: text('Tenant.'),
  action,
  query: anything('As it was asked.'),
  rate_per_s: number('Items per second; 0: as fast as possible.', 0),
  requested_by: nullable(text('By whom, from `X-User-ID`.')),
  reason: nullable(text('Why.')),
  status: choice('`running` until every item is through, or it was stopped.', ['running', 'stopped', 'finished']),
  started_at_ms: common.epochMs('When it began.'),
  ended_at_ms: nullable(common.epochMs('When the last item was through.')),
  position: text('Of its start in the log.', { examples: ['events/0/117'] }),
  matched: count('Items in all.'),
  done: count('To which the action was done.'),
  skipped: count('With which there was nothing to do any more, e.g. runs that had ended meanwhile.'),
  failed: count('That were refused.'),
}
const bulkOperation = named('BulkOperation', object(fields))

const preview = object({
  dry_run: schema<true>({ const: true }),
  action,
  matched: count('Items that the query finds now.'),
  complete: boolean('False: there are more than one operation takes.'),
  sample: list(
    object({
      id: text('Run or letter.'),
      flow: nullable(text('Flow.')),
      status: text('Of the run; `open` for a letter.'),
      code: nullable(text('Of the error.')),
      at_ms: common.epochMs('When the run was accepted, or the letter made.'),
    }),
    'The first ones, at most 20.',
  ),
})

const begun = object({
  operation_id: operationId,
  action,
  matched: count('Items that the query found.'),
  repeated: boolean('It had been begun before, under the same `Idempotency-Key`.'),
  position: nullable(common.position),
})

export const startOperation = operation({
  method: 'POST',
  path: '/api/v1/operations',
  tag,
  summary: 'Do something with all that a query finds',
  description:
    'With `dry_run` nothing is done. Otherwise what the query finds is fixed before the answer, and the operation goes on by itself, also when processes end: each item is done once. ' +
    'At most 100,000 runs (10,000 to run again) in one operation.',
  headers: { ...headers, ...common.idempotencyHeader },
  body: jsonBody(
    strict({
      action,
      query: either(runQuery, letterQuery),
      dry_run: optional(boolean('Only say what it would find.')),
      rate_per_s: optional(number('Items per second at most; 0, as without it: as fast as possible.', 0, 1_000_000)),
      reason: optional(nullable(text('Why; needed to discard.', { minLength: 1, maxLength: 1000 }))),
    }),
    'What to do, and with what. The empty query finds everything.',
  ),
  answers: {
    200: json(preview, 'With `dry_run`.'),
    202: json(begun, 'It goes on by itself.'),
  },
  errors: ['invalid_request', 'conflict', 'rate_limit_exceeded', 'unsupported_media_type', 'timeout'],
})

export const listOperations = operation({
  method: 'GET',
  path: '/api/v1/operations',
  tag,
  summary: 'List operations',
  headers,
  query: { action: optional(choice('With this action.', ACTIONS)), limit: common.limit, after: common.after },
  answers: {
    200: json(object({ operations: list(bulkOperation), next: common.next, as_of: common.asOf }), 'The latest first.'),
  },
  errors: ['invalid_request'],
})

export const getOperation = operation({
  method: 'GET',
  path: '/api/v1/operations/:operation_id',
  tag,
  summary: 'Show an operation',
  headers,
  params: { operation_id: operationId },
  answers: { 200: json(object({ ...fields, as_of: common.asOf }), 'How far it is.') },
  errors: ['invalid_request', 'not_found'],
})

export const operationItems = operation({
  method: 'GET',
  path: '/api/v1/operations/:operation_id/items',
  tag,
  summary: 'What an operation has done',
  headers,
  params: { operation_id: operationId },
  query: {
    outcome: optional(choice('With this outcome.', ['done', 'skipped', 'failed'])),
    limit: common.limit,
    after: common.after,
  },
  answers: {
    200: json(
      object({
        items: list(
          object({
            id: text('Run or letter.'),
            at_ms: common.epochMs('When.'),
            outcome: choice('What came of it.', ['done', 'skipped', 'failed']),
            code: nullable(text('Why not.')),
            new_run_id: nullable(common.runId),
            run_status: nullable(choice('Where the run is now; the new one, if there is one.', RUN_STATUSES)),
          }),
        ),
        next: common.next,
        as_of: common.asOf,
      }),
      'Items that are through, in their order. While the operation goes on, tasks may still add some before the last of these.',
    ),
  },
  errors: ['invalid_request', 'not_found'],
})

export const stopOperation = operation({
  method: 'POST',
  path: '/api/v1/operations/:operation_id/stop',
  tag,
  summary: 'Stop an operation',
  description: 'What was done stays done; nothing more is begun. One that has ended stays as it is.',
  headers,
  params: { operation_id: operationId },
  answers: {
    200: json(object({ operation_id: operationId, stopping: schema<true>({ const: true }) }), 'It is recorded.'),
  },
  errors: ['invalid_request', 'not_found', 'unsupported_media_type', 'timeout'],
})
