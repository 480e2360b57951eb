/** The older gateway's routes, as far as there is something behind them. */
import * as common from '../api/common.ts'
import { json, jsonBody, type Operation, operation, STREAM_TYPE } from '../api/operation.ts'
import {
  anything,
  boolean,
  choice,
  integer,
  list,
  named,
  nullable,
  number,
  type ObjectOf,
  object,
  optional,
  type Schema,
  type Shape,
  schema,
  text,
} from '../api/schema.ts'
import type { ErrorCode } from '../errors.ts'
import { MESSAGE_STATUSES } from './message-view.ts'

export const TAG = 'older gateway'

export const olderHeaders = {
  'X-Tenant-ID': optional(text('Tenant. It must be given here or, where that is taken, as `tenant_id`.')),
  Authorization: optional(text('`Bearer` and a token; whether it has to be there is a setting.')),
  'X-Trace-ID': optional(text('Comes back in answers.')),
}
const headers = olderHeaders
/** What every older route may answer before it looks at anything else. */
export const GUARDED = ['rate_limit_exceeded', 'unauthorized', 'invalid_request', 'payload_too_large'] as const

const errors = <const C extends readonly ErrorCode[]>(...codes: C) => [...GUARDED, ...codes] as const
const olderId = (what: string) => text(what, { minLength: 1, maxLength: 128 })
/** Other fields may be there too. */
const open = <P extends Shape>(shape: P, description?: string): Schema<ObjectOf<P>> => {
  const described = object(shape, description)
  return { ...described, json: { ...described.json, additionalProperties: true } }
}
const anyObject = () => open({})
const query = { tenant_id: optional(text('Instead of the header.')) }

const decisionFields = {
  provider_id: text('Who is to do it.'),
  reason: text('Why, e.g. `weighted`.'),
  priority: integer('Of the reason.'),
  expected_latency_ms: number('0: not known.', 0),
  expected_cost: number('0: not known.', 0),
}
const replyFields = {
  ok: schema<true>({ const: true }),
  decision: object(decisionFields),
  context: object({
    request_id: text('Of the request.'),
    trace_id: nullable(text('Of its trace.')),
    tenant_id: text('Tenant.'),
  }),
  ...decisionFields,
}
const routerReply = named(
  'RouterReply',
  object(replyFields, 'The decision, also at the top, where older clients read.'),
)

const id = () => optional(olderId('Opaque.'))
const anyText = (what: string) => optional(nullable(text(what)))

const decideBody = named(
  'OlderRequest',
  open(
    {
      version: optional(schema<'1'>({ const: '1', description: 'With it the answer is the reply of the router.' })),
      tenant_id: optional(text('The same as the header.')),
      request_id: id(),
      message_id: id(),
      message_type: anyText('E.g. `chat`.'),
      trace_id: anyText('32 hexadecimal digits or a UUID of version 4.'),
      policy_id: anyText('None, or `default`.'),
      idempotency_key: anyText('The same key and the same body again have the effect of one.'),
      task: optional(
        open({
          type: text('What it is.', { minLength: 1 }),
          payload: optional(anything('At least 10 bytes.')),
          payload_ref: optional(text('In place of a payload.')),
        }),
      ),
      message: optional(anything('With `message_id`, `message_type`, `payload` and `metadata`.')),
      payload: optional(anything('Of a message.')),
      prompt: optional(text("Of the console's form.", { maxLength: 8000 })),
      temperature: optional(nullable(number("Of the console's form.", 0, 2))),
    },
    "The router's request, the gateway's, the one without a version, or the console's form. Other fields are kept with it.",
  ),
)

const DECIDES = [
  'policy_not_found',
  'validator_blocked',
  'extension_not_found',
  'extension_unavailable',
  'extension_timeout',
  'decision_failed',
  'not_implemented',
  'conflict',
  'service_overloaded',
  'unsupported_media_type',
  'timeout',
] as const

export const decideRoute = operation({
  method: 'POST',
  path: '/api/v1/routes/decide',
  tag: TAG,
  summary: 'Decide who is to do a task',
  description: 'A run of a built-in flow, waited for. There are no policies of tenants yet, so there is one provider.',
  headers: { ...headers, ...common.idempotencyHeader },
  body: jsonBody(decideBody, 'What is to be done.'),
  answers: { 200: json(routerReply, 'The decision.') },
  errors: errors(...DECIDES),
})

export const getDecision = operation({
  method: 'GET',
  path: '/api/v1/routes/decide/:id',
  tag: TAG,
  summary: 'Show a decision',
  headers,
  params: { id: olderId('Of the message, or of the request.') },
  query,
  answers: { 200: json(routerReply, 'The latest decision about it.') },
  errors: errors('not_found', ...DECIDES),
})

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
  headers,
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
  ...query,
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
  headers,
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
  headers,
  params: { message_id: olderId('Message id.') },
  query,
  answers: { 200: json(message, 'The message.') },
  errors: errors('not_found'),
})

export const putMessage = operation({
  method: 'PUT',
  path: '/api/v1/messages/:message_id',
  tag: TAG,
  summary: 'Give a message back',
  description: 'Answers the body, as the older gateway did. What was sent does not change.',
  headers,
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
  headers,
  params: { message_id: olderId('Message id.') },
  query,
  answers: {
    200: json(object({ status: schema<'deleted'>({ const: 'deleted' }), message_id: text('Id.') }), 'It is deleted.'),
  },
  errors: errors('conflict', 'rate_limit_exceeded', 'service_overloaded', 'timeout'),
})

export const bulkDeleteMessages = operation({
  method: 'POST',
  path: '/api/v1/messages/bulk_delete',
  tag: TAG,
  summary: 'Delete messages',
  headers,
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
  headers,
  query: { ...filters, format: optional(choice('Of the file.', ['json', 'csv'])) },
  answers: { 200: exported },
  errors: errors(),
})

export const exportSomeMessages = operation({
  method: 'POST',
  path: '/api/v1/messages/export',
  tag: TAG,
  summary: 'Save some messages as a file',
  headers,
  query,
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
  headers,
  query,
  answers: { 200: { description: 'Events.', type: STREAM_TYPE, schema: message } },
  errors: errors('service_overloaded'),
})

const blockParams = { type: text('Type of the block.'), version: text('Version.') }
const manifest = open({ type: optional(text('Type.')), version: optional(anything('Version.')) })
const changed = json(
  object({
    type: text('Type.'),
    version: text('Version.'),
    status: choice('What was done.', ['created', 'updated', 'unregistered']),
    ts: common.epochMs('When.'),
  }),
  'It is noted. What steps may do comes with the executors and does not change.',
)
const registryErrors = errors(
  'invalid_schema',
  'conflict',
  'unsupported_media_type',
  'service_overloaded',
  'rate_limit_exceeded',
  'timeout',
)
const registration = <const M extends Operation['method'], const P extends string>(method: M, path: P) => ({
  method,
  path,
  tag: TAG,
  headers,
  errors: registryErrors,
})
const under = '/api/v1/registry/blocks/:type/:version' as const

export const registerBlock = operation({
  ...registration('POST', '/api/v1/registry/blocks'),
  summary: 'Register a block',
  body: jsonBody(manifest, 'Its manifest.'),
  answers: { 201: changed },
})
export const registerBlockUnder = operation({
  ...registration('POST', under),
  summary: 'Register a block',
  params: blockParams,
  body: jsonBody(manifest, 'Its manifest.'),
  answers: { 201: changed },
})
export const updateBlock = operation({
  ...registration('PUT', under),
  summary: 'Change a block',
  params: blockParams,
  body: jsonBody(manifest, 'Its manifest.'),
  answers: { 200: changed },
})
export const unregisterBlock = operation({
  ...registration('DELETE', under),
  summary: 'Remove a block',
  params: blockParams,
  answers: { 200: changed },
})

export const getMetricsOlder = operation({
  method: 'GET',
  path: '/_metrics',
  tag: 'status',
  summary: 'Figures of the last minute',
  description: '`/metrics` answers the same to who asks for JSON first.',
  answers: {
    200: json(
      object({
        rps: number('Requests a second.', 0),
        latency: object({
          p50: number('Milliseconds.', 0),
          p95: number('Milliseconds.', 0),
          p99: number('Milliseconds.', 0),
        }),
        error_rate: number('Part of the answers that were 5xx.', 0, 1),
        rate_limit: object({ exceeded: integer('Answers that were 429.', 0) }),
        nats: object({ connected: boolean('The log takes records.') }),
        ts: common.epochMs('Now.'),
      }),
      'Figures.',
    ),
  },
  errors: [],
})
