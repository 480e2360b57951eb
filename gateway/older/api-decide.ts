/** Decisions of the router. */
import * as common from '../api/common.ts'
import { json, jsonBody, operation } from '../api/operation.ts'
import { anything, integer, named, nullable, number, object, optional, schema, text } from '../api/schema.ts'
import { errors, olderHeaders, olderId, open, TAG, tenantQuery } from './api-common.ts'

const decisionFields = {
  provider_id: text('Who is to do it.'),
  reason: text('Why, e.g. `weighted`.'),
  priority: integer('Of the reason.'),
  expected_latency_ms: number('0: not known.', 0),
  expected_cost: number('0: not known.', 0),
}
export const replyFields = {
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

export const decideBody = named(
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

export const DECIDES = [
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
  headers: { ...olderHeaders, ...common.idempotencyHeader },
  body: jsonBody(decideBody, 'What is to be done.'),
  answers: { 200: json(routerReply, 'The decision.') },
  errors: errors(...DECIDES),
})

export const getDecision = operation({
  method: 'GET',
  path: '/api/v1/routes/decide/:id',
  tag: TAG,
  summary: 'Show a decision',
  headers: olderHeaders,
  params: { id: olderId('Of the message, or of the request.') },
  query: tenantQuery,
  answers: { 200: json(routerReply, 'The latest decision about it.') },
  errors: errors('not_found', ...DECIDES),
})
