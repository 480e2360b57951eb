/** Messages. */
import * as common from '../api/common.ts'
import { json, jsonBody, operation, STREAM_TYPE } from '../api/operation.ts'
import {
  anything,
  boolean,
  choice,
  integer,
  list,
  named,
  nullable,
  object,
  optional,
  schema,
  text,
} from '../api/schema.ts'
import { anyObject, errors, olderHeaders, olderId, open, TAG, tenantQuery } from './api-common.ts'
import { DECIDES, decideBody, replyFields } from './api-decide.ts'
import { MESSAGE_STATUSES } from './message-view.ts'

const message = named(
  'Message',
  object({
    message_id: text('Message id.'),
    tenant_id: text('Tenant.'),
    message_type: nullable(text('E.g. `chat`.')),
    status: choice('How far it is.', MESSAGE_STATUSES),
    payload: anything('What was sent.'),
    metadata: anything('What was sent along.'),
    trace_id: nullable(text('Of its trace.')),
    provider_id: nullable(text('Who did it.')),
    error: nullable(object({ code: text('Code.'), message: text('What happened.') })),
    created_at_ms: common.epochMs('When it was sent.'),
    updated_at_ms: common.epochMs('When its status changed.'),
    timestamp_ms: common.epochMs('When it was sent.'),
    run_id: common.runId,
  }),
)

const receipt = {
  message_id: text('Message id.'),
  ack_timestamp_ms: common.epochMs('When it was durable.'),
  status: choice('It is durable.', ['published', 'queued']),
}

export const postMessage = operation({
  method: 'POST',
  path: '/api/v1/messages',
  tag: TAG,
  summary: 'Send a message',
  description: 'With a `version` the answer is the reply of the router, once it is there; else a receipt at once.',
  headers: olderHeaders,
  body: jsonBody(decideBody, 'The message.'),
  answers: {
    200: json(object({ ...replyFields, ...receipt }), 'The reply of the router, with the receipt.'),
    201: json(
      object({ ...receipt, message_status: choice('How far it is.', MESSAGE_STATUSES), run_id: common.runId }),
      'The receipt.',
    ),
  },
  errors: errors(...DECIDES),
})

const filters = {
  ...tenantQuery,
  status: optional(choice('With this status.', MESSAGE_STATUSES)),
  message_type: optional(text('Of this type.')),
  search: optional(text('Somewhere in id, type, payload or metadata, in any case.', { maxLength: 256 })),
  order: optional(choice('Latest or first sent first.', ['desc', 'asc'])),
}

export const listMessages = operation({
  method: 'GET',
  path: '/api/v1/messages',
  tag: TAG,
  summary: 'List messages',
  description: 'Looks through the 10,000 latest, or the 1,000 latest for a search, and says when there are more.',
  headers: olderHeaders,
  query: {
    ...filters,
    limit: optional(integer('Messages of one answer.', 1, 100)),
    offset: optional(integer('Messages before the first.', 0, 1_000_000)),
    page: optional(integer('In place of the offset, from 1.', 1, 1_000_000)),
  },
  answers: {
    200: json(
      object({
        data: list(message),
        pagination: object({
          total: integer('That pass the filter.', 0),
          limit: integer('Asked for.', 1),
          offset: integer('Before the first.', 0),
          has_more: boolean('There are more.'),
          complete: boolean('False: only so many were looked through; there are at least `total`.'),
        }),
        items: list(message, 'The same as `data`.'),
        total: integer('The same as in `pagination`.', 0),
        page: integer('From 1.', 1),
      }),
      'Messages, in both forms that older documents tell of.',
    ),
  },
  errors: errors(),
})

export const getMessage = operation({
  method: 'GET',
  path: '/api/v1/messages/:message_id',
  tag: TAG,
  summary: 'Show a message',
  headers: olderHeaders,
  params: { message_id: olderId('Message id.') },
  query: tenantQuery,
  answers: { 200: json(message, 'The message.') },
  errors: errors('not_found'),
})

export const putMessage = operation({
  method: 'PUT',
  path: '/api/v1/messages/:message_id',
  tag: TAG,
  summary: 'Give a message back',
  description: 'Answers the body, as the older gateway did. What was sent does not change.',
  headers: olderHeaders,
  params: { message_id: olderId('Message id.') },
  body: jsonBody(anyObject(), 'The message.'),
  answers: { 200: json(anyObject(), 'The body.') },
  errors: errors('conflict', 'unsupported_media_type'),
})

export const deleteMessage = operation({
  method: 'DELETE',
  path: '/api/v1/messages/:message_id',
  tag: TAG,
  summary: 'Delete a message',
  description: 'It is cancelled if it is not done, and no longer listed. The history of its run stays.',
  headers: olderHeaders,
  params: { message_id: olderId('Message id.') },
  query: tenantQuery,
  answers: {
    200: json(object({ status: schema<'deleted'>({ const: 'deleted' }), message_id: text('Id.') }), 'It is deleted.'),
  },
  errors: errors('conflict', 'service_overloaded', 'timeout'),
})

export const bulkDeleteMessages = operation({
  method: 'POST',
  path: '/api/v1/messages/bulk_delete',
  tag: TAG,
  summary: 'Delete messages',
  headers: olderHeaders,
  body: jsonBody(open({ message_ids: list(text('Message id.'), undefined, 500) }), 'Which.'),
  answers: {
    200: json(
      object({ deleted_count: integer('Deleted now.', 0), failed: list(text('Not known, or deleted before.')) }),
      'What became of them.',
    ),
  },
  errors: errors('conflict', 'unsupported_media_type', 'service_overloaded', 'timeout'),
})

const exported = { ...json(list(message), 'A file.'), otherTypes: ['text/csv'] }

export const exportMessages = operation({
  method: 'GET',
  path: '/api/v1/messages/export',
  tag: TAG,
  summary: 'Save messages as a file',
  description:
    'The 1,000 latest at most; `X-Export-Complete` tells whether these are all. In CSV, cells that a spreadsheet would take for formulas begin with an apostrophe.',
  headers: olderHeaders,
  query: { ...filters, format: optional(choice('Of the file.', ['json', 'csv'])) },
  answers: { 200: exported },
  errors: errors(),
})

export const exportSomeMessages = operation({
  method: 'POST',
  path: '/api/v1/messages/export',
  tag: TAG,
  summary: 'Save some messages as a file',
  headers: olderHeaders,
  query: tenantQuery,
  body: jsonBody(
    open({
      message_ids: list(text('Message id.'), undefined, 1000),
      format: optional(choice('Of the file.', ['json', 'csv'])),
    }),
    'Which.',
  ),
  answers: { 200: exported },
  errors: errors('unsupported_media_type'),
})

export const streamMessages = operation({
  method: 'GET',
  path: '/api/v1/messages/stream',
  tag: TAG,
  summary: 'Follow messages',
  description: 'Server-sent events `message_created`, `message_updated` and `message_deleted`, from now on.',
  headers: olderHeaders,
  query: tenantQuery,
  answers: { 200: { description: 'Events.', type: STREAM_TYPE, schema: message } },
  errors: errors('service_overloaded'),
})
