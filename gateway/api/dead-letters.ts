/** `/api/v1/dlq` */
import * as common from './common.ts'
import { json, jsonBody, operation } from './operation.ts'
import {
  anything,
  boolean,
  choice,
  integer,
  list,
  named,
  nullable,
  number,
  object,
  optional,
  strict,
  text,
} from './schema.ts'

const tag = 'dead letters'
const headers = common.tenantHeader
const fingerprint = text('Letters of one fingerprint failed alike.')
const nullableText = (description: string) => nullable(text(description))
const count = (description: string) => integer(description, 0)
const category = text('`run_failed`, `record_refused`, `record_unreadable`, `record_poison` or `critical`.')

const group = named(
  'LetterGroup',
  object({
    fingerprint,
    category,
    flow: nullableText('Flow.'),
    step_id: nullableText('Step that failed.'),
    code: text('Of the error.'),
    message: text('Of the latest letter.'),
    open: count('Neither replayed nor discarded.'),
    replayed: count('Replayed.'),
    discarded: count('Discarded.'),
    first_at_ms: common.epochMs('Of the first letter.'),
    last_at_ms: common.epochMs('Of the latest one.'),
    sample_letter_ids: list(text('Letter.'), 'Some of the open letters, latest first.'),
  }),
)

const letterFields = {
  letter_id: text('Letter.'),
  fingerprint,
  category,
  status: choice('What became of it.', ['open', 'replayed', 'discarded']),
  error: common.errorInfo,
  run_id: nullable(common.runId),
  flow: nullableText('Flow.'),
  step_id: nullableText('Step that failed.'),
  position: text('Where the cause lies.'),
  parent_letter_id: nullableText('The letter whose replay failed and made this one.'),
  at_ms: common.epochMs('When it was made.'),
  replay_id: nullableText('Replay that took it.'),
  new_run_id: nullable(common.runId),
  resolved_at_ms: nullable(common.epochMs('When it was replayed or discarded.')),
  resolved_by: nullableText('By whom.'),
  resolved_reason: nullableText('Why.'),
}
const letter = named('Letter', object(letterFields))

const filter = named(
  'LetterFilter',
  strict({
    fingerprint: optional(nullable(text('Of this fingerprint.', { minLength: 1, maxLength: 256 }))),
    flow: optional(nullable(text('Of this flow.', { minLength: 1, maxLength: 256 }))),
    code: optional(nullable(text('With this error.', { minLength: 1, maxLength: 256 }))),
    letter_ids: optional(list(text('Letter.', { minLength: 1, maxLength: 256 }), 'These; empty: all.', 10_000)),
  }),
)

export const letterGroups = operation({
  method: 'GET',
  path: '/api/v1/dlq/groups',
  tag,
  summary: 'Dead letters by what went wrong',
  headers,
  answers: {
    200: json(object({ groups: list(group), as_of: common.asOf }), 'At most 1000 groups, latest first.'),
  },
  errors: ['invalid_request'],
})

export const listLetters = operation({
  method: 'GET',
  path: '/api/v1/dlq/letters',
  tag,
  summary: 'List dead letters',
  headers,
  query: {
    fingerprint: optional(text('Of this fingerprint.')),
    status: optional(choice('What became of it.', ['open', 'replayed', 'discarded'])),
    flow: optional(text('Of this flow.')),
    code: optional(text('With this error.')),
    order: optional(choice('By time.', ['newest', 'oldest'])),
    limit: common.limit,
    after: common.after,
  },
  answers: {
    200: json(
      object({
        letters: list(letter),
        next: common.next,
        cut_short: boolean('Many letters did not pass the filter, so the answer ends early; `next` goes on.'),
        as_of: common.asOf,
      }),
      'Letters, without their records.',
    ),
  },
  errors: ['invalid_request'],
})

export const getLetter = operation({
  method: 'GET',
  path: '/api/v1/dlq/letters/:letter_id',
  tag,
  summary: 'Show a dead letter, with its record',
  headers,
  params: { letter_id: text('Letter.') },
  answers: {
    200: json(
      object({
        ...letterFields,
        record: anything('The record that caused it, decoded; `null` if the log has no more of it.'),
        history: list(letter, 'Letters that it descends from, latest first.'),
        as_of: common.asOf,
      }),
      'The letter.',
    ),
  },
  errors: ['invalid_request', 'not_found'],
})

const action = anything('`new_run`, `append_record` or `refused`, with what belongs to it.')
const planGroup = object({
  fingerprint,
  category,
  code: text('Of the error.'),
  flow: nullableText('Flow.'),
  step_id: nullableText('Step.'),
  message: text('Of the oldest letter.'),
  count: count('Letters.'),
  refused: count('How many of them a replay would refuse.'),
  first_seen_ms: common.epochMs('First.'),
  last_seen_ms: common.epochMs('Latest.'),
})
const planLetter = object({
  letter_id: text('Letter.'),
  fingerprint,
  category,
  run_id: nullable(text('Run.')),
  flow: nullableText('Flow.'),
  step_id: nullableText('Step.'),
  code: text('Of the error.'),
  message: text('What happened.'),
  at_ms: common.epochMs('When.'),
  parent_letter_id: nullableText('The letter whose replay made this one.'),
  action,
})

export const planReplay = operation({
  method: 'POST',
  path: '/api/v1/dlq/plan',
  tag,
  summary: 'What a replay would do',
  headers,
  body: jsonBody(
    strict({ filter, sample: optional(integer('Letters to show; by default 20.', 0, 1000)) }),
    'Which letters.',
  ),
  answers: {
    200: json(
      object({
        matched: count('Open letters.'),
        refused: count('Of these, that a replay would refuse.'),
        groups: list(planGroup, 'Largest first.'),
        groups_left_out: count('That did not fit in the answer.'),
        letters: list(planLetter, 'A sample.'),
      }),
      'The plan; nothing has changed.',
    ),
  },
  errors: ['invalid_request', 'unsupported_media_type', 'timeout'],
})

export const replayLetters = operation({
  method: 'POST',
  path: '/api/v1/dlq/replay',
  tag,
  summary: 'Replay dead letters',
  description:
    'A letter is replayed once under one `replay_id`, however often the request is sent; an `Idempotency-Key` is the same.',
  headers: { ...headers, ...common.idempotencyHeader },
  body: jsonBody(
    strict({
      filter,
      rate: optional(number('Letters per second; 0: as fast as possible.', 0, 1_000_000)),
      limit: optional(nullable(integer('Letters in all.', 1, 1_000_000_000))),
      patch: optional(
        anything(
          'JSON merge patch for the input of runs, or the new value of a single record. What the schema of the flow does not take is refused, and the letter stays open.',
        ),
      ),
      reason: optional(nullable(text('Why.', { minLength: 1, maxLength: 1000 }))),
      replay_id: optional(text('Chosen by the client.', { minLength: 1, maxLength: 128 })),
    }),
    'Which letters, and how.',
  ),
  answers: {
    200: json(
      object({
        replay_id: text('Replay.'),
        matched: count('Open letters.'),
        scheduled: count('That will be replayed.'),
        refused: count('That stay open.'),
        refusals: list(
          object({ letter_id: text('Letter.'), code: text('Reason.'), message: text('The reason, for people.') }),
          'Why, of the first of these.',
        ),
      }),
      'It goes on by itself.',
    ),
  },
  errors: ['invalid_request', 'unsupported_media_type', 'timeout'],
})

export const discardLetters = operation({
  method: 'POST',
  path: '/api/v1/dlq/discard',
  tag,
  summary: 'Discard dead letters',
  headers,
  body: jsonBody(strict({ filter, reason: text('Why.', { minLength: 1, maxLength: 1000 }) }), 'Which letters.'),
  answers: {
    200: json(object({ matched: count('Open letters.'), discarded: count('That are discarded.') }), 'Done.'),
  },
  errors: ['invalid_request', 'unsupported_media_type', 'timeout'],
})
