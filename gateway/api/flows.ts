/** `/api/v1/flows` */
import * as common from './common.ts'
import { json, jsonBody, operation } from './operation.ts'
import { anything, boolean, choice, integer, list, named, nullable, object, optional, strict, text } from './schema.ts'

const tag = 'flows'
const YAML = ['application/yaml', 'text/yaml', 'text/plain']
const name = text('Name of the flow.')
const version = integer('From 1, in order of publication.', 1, 1_000_000_000)

const deprecation = object({
  reason: nullable(text('Why.')),
  at_ms: common.epochMs('Since when.'),
  by: nullable(text('Who said so.')),
})

const fields = {
  tenant_id: text('Tenant.'),
  flow: name,
  version,
  hash: text('SHA-256 of the document, hexadecimal.'),
  published_at_ms: common.epochMs('When it was published.'),
  published_by: nullable(text('Who published it.')),
  deprecated: nullable(deprecation),
}
const flowVersion = named('FlowVersion', object(fields, 'A version of a flow, without its document.'))
const document = anything('The document, with defaults as they were written.')

const problem = named(
  'FlowProblem',
  object(
    {
      code: text('Stable, upper snake case.'),
      path: text('In the document, e.g. `steps[2].after[0]`.'),
      message: text('What was found and what was expected.'),
      line: optional(integer('From 1.', 1)),
      column: optional(integer('From 1.', 1)),
    },
    'One thing wrong with a document.',
  ),
)

const documentBody = { ...jsonBody(anything('A flow document.'), 'A flow, as YAML or JSON.'), otherTypes: YAML }
const headers = common.tenantHeader
const readHeaders = {
  ...headers,
  'If-None-Match': optional(text('`ETag` of an earlier answer: 304 if nothing has changed.')),
}

export const publishFlow = operation({
  method: 'POST',
  path: '/api/v1/flows',
  tag,
  summary: 'Publish a version of a flow',
  description: 'The latest version again changes nothing and is answered with 200.',
  headers,
  body: documentBody,
  answers: {
    200: json(object({ ...fields, created: boolean('False.') }), 'It is the latest version already.'),
    201: json(object({ ...fields, created: boolean('True.') }), 'A new version.'),
  },
  errors: ['invalid_request', 'invalid_flow', 'payload_too_large', 'unsupported_media_type', 'timeout'],
})

const checked = json(
  object({
    ok: boolean('It can be published.'),
    flow: optional(name),
    problems: list(problem),
  }),
  'What is wrong with it, if anything.',
)

export const checkFlow = operation({
  method: 'POST',
  path: '/api/v1/flows/check',
  tag,
  summary: 'Check a flow and publish nothing',
  headers,
  body: documentBody,
  answers: { 200: checked },
  errors: ['invalid_request', 'payload_too_large', 'unsupported_media_type'],
})

export const validateFlow = operation({
  ...checkFlow,
  path: '/api/v1/flows/validate',
  summary: 'Check a flow and publish nothing (older name)',
})

export const listFlows = operation({
  method: 'GET',
  path: '/api/v1/flows',
  tag,
  summary: 'List flows',
  headers,
  answers: { 200: json(object({ flows: list(flowVersion) }), 'The latest version of each, by name.') },
  errors: ['invalid_request'],
})

export const getFlow = operation({
  method: 'GET',
  path: '/api/v1/flows/:flow',
  tag,
  summary: 'Show a flow',
  headers: readHeaders,
  params: { flow: name },
  query: { version: optional(integer('Instead of the latest.', 1, 1_000_000_000)) },
  answers: {
    200: json(object({ ...fields, versions: list(version, 'All there are, ascending.'), document }), 'The flow.'),
  },
  errors: ['invalid_request', 'flow_not_found'],
})

export const listFlowVersions = operation({
  method: 'GET',
  path: '/api/v1/flows/:flow/versions',
  tag,
  summary: 'List the versions of a flow',
  headers,
  params: { flow: name },
  query: { limit: common.limit, after: optional(integer('`next` of the answer before.', 1, 1_000_000_000)) },
  answers: {
    200: json(
      object({
        flow: name,
        versions: list(flowVersion, 'Latest first.'),
        current: nullable(integer('What runs get that name no version; `null`: all are deprecated.', 1)),
        next: nullable(integer('Asks for what follows, as `after`.', 1)),
      }),
      'Versions, without their documents.',
    ),
  },
  errors: ['invalid_request', 'flow_not_found'],
})

export const getFlowVersion = operation({
  method: 'GET',
  path: '/api/v1/flows/:flow/versions/:version',
  tag,
  summary: 'Show a version of a flow',
  headers: readHeaders,
  params: { flow: name, version },
  answers: { 200: json(object({ ...fields, document }), 'The version.') },
  errors: ['invalid_request', 'flow_not_found'],
})

const change = named(
  'Change',
  object({
    path: text('In the document; steps by their id, e.g. `steps[fetch].with.url`.'),
    kind: choice('What happened to it.', ['added', 'removed', 'changed', 'moved']),
    before: optional(anything('As it was.')),
    after: optional(anything('As it is.')),
  }),
)

export const diffFlow = operation({
  method: 'GET',
  path: '/api/v1/flows/:flow/diff',
  tag,
  summary: 'What differs between two versions of a flow',
  headers,
  params: { flow: name },
  query: {
    from: optional(integer('By default the one before `to`.', 1, 1_000_000_000)),
    to: optional(integer('By default the latest.', 1, 1_000_000_000)),
  },
  answers: {
    200: json(
      object({
        flow: name,
        from: version,
        to: version,
        changes: list(change),
        text: text('A unified diff of both as YAML; empty if nothing differs.'),
      }),
      'The differences.',
    ),
  },
  errors: ['invalid_request', 'flow_not_found'],
})

export const deprecateFlow = operation({
  method: 'POST',
  path: '/api/v1/flows/:flow/versions/:version/deprecate',
  tag,
  summary: 'Deprecate a version of a flow, or take that back',
  description:
    'Runs that name no version get the latest one that is not deprecated, and are refused where all are. Runs that name the version by its number still get it, and so do replays.',
  headers,
  params: { flow: name, version },
  body: jsonBody(
    strict({
      deprecated: optional(boolean('False takes it back. By default true.')),
      reason: optional(nullable(text('Why.', { minLength: 1, maxLength: 1000 }))),
    }),
    'Why.',
    false,
  ),
  answers: { 200: json(flowVersion, 'The version as it is now.') },
  errors: ['invalid_request', 'flow_not_found', 'unsupported_media_type', 'timeout'],
})
