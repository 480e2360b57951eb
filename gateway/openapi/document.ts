/** The description of the HTTP interface in OpenAPI 3.1, made of the operations. */
import { errorBody } from '../api/common.ts'
import type { Content, Operation } from '../api/operation.ts'
import { JSON_TYPE } from '../api/operation.ts'
import { type JsonSchema, refOf, type Schema, type Shape } from '../api/schema.ts'
import { ERROR_STATUSES, type ErrorCode } from '../errors.ts'

export type OpenApiDocument = { readonly [name: string]: unknown }
type Named = { readonly [name: string]: Operation }
type Json = { readonly [name: string]: unknown }

/** What any route may answer. */
const ALWAYS: readonly ErrorCode[] = ['internal', 'unavailable']

/** What routes are about, in the order of the documents. */
export const TAGS: { readonly [tag: string]: string } = {
  runs: 'Start runs, look at them, end them.',
  flows: 'Documents that say what runs do.',
  'dead letters': 'What failed for good, and what becomes of it.',
  operations: 'One action on everything that a query finds.',
  topics: 'The log itself.',
  tenants: 'Limits and shares.',
  workers: 'Who executes steps.',
  blocks: 'What steps may do.',
  blobs: 'Large values beside the log.',
  stream: 'What happens, as it happens.',
  status: 'How the process is.',
  'older gateway': 'Routes of the gateway before this one, for its clients.',
}

export function openApiDocument(operations: Named, version: string): OpenApiDocument {
  const schemas = new Map<string, JsonSchema>()
  collect(errorBody, schemas)
  const paths: { [path: string]: { [method: string]: Json } } = {}
  for (const [operationId, operation] of Object.entries(operations)) {
    for (const part of schemasOf(operation)) collect(part, schemas)
    const path = operation.path.replaceAll(/:([a-z_]+)/g, '{$1}')
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: operationJson(operationId, operation) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Beamline',
      version,
      summary: 'Durable workflows on a log.',
      description:
        'Field names are in snake case, instants in milliseconds since 1970, positions of the log as `topic/partition/offset`. Every error has the form of the schema `Error`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'This server.' }],
    security: [],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: { schemas: Object.fromEntries([...schemas].sort(([a], [b]) => (a < b ? -1 : 1))) },
  }
}

function operationJson(operationId: string, operation: Operation): Json {
  const { tag, summary, description, body } = operation
  return {
    operationId,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...parametersJson(operation),
    ...(body === undefined ? {} : { requestBody: bodyJson(body) }),
    responses: responsesJson(operation),
  }
}

function parametersJson({ params, query, headers }: Operation): Json {
  const parameters = [
    ...parametersIn('path', params ?? {}),
    ...parametersIn('query', query ?? {}),
    ...parametersIn('header', headers ?? {}),
  ]
  return parameters.length === 0 ? {} : { parameters }
}

function parametersIn(place: 'path' | 'query' | 'header', shape: Shape): readonly Json[] {
  return Object.entries(shape).map(([name, schema]) => {
    const { description, ...json } = schema.json
    return { name, in: place, required: !schema.optional, description, schema: json }
  })
}

function bodyJson({ description, type, otherTypes = [], schema, required }: NonNullable<Operation['body']>): Json {
  const content = Object.fromEntries([type, ...otherTypes].map((each) => [each, { schema: refOf(schema) }]))
  return { description, required, content }
}

function responsesJson({ answers, errors }: Operation): Json {
  const responses: { [status: string]: Json } = {}
  for (const [status, content] of Object.entries(answers) as [string, Content<unknown>][]) {
    responses[status] = {
      description: content.description,
      content: {
        [content.type]: { schema: refOf(content.schema) },
        ...Object.fromEntries((content.otherTypes ?? []).map((type) => [type, { schema: { type: 'string' } }])),
      },
    }
  }
  for (const [status, codes] of byStatus([...errors, ...ALWAYS])) {
    if (responses[status] !== undefined) continue
    const content = { [JSON_TYPE]: { schema: refOf(errorBody) } }
    responses[status] = { description: codes.map((code) => `\`${code}\``).join(' or '), content }
  }
  return responses
}

function byStatus(codes: readonly ErrorCode[]): ReadonlyMap<string, readonly ErrorCode[]> {
  const groups = new Map<string, ErrorCode[]>()
  for (const code of codes) {
    const status = String(ERROR_STATUSES[code])
    groups.set(status, [...(groups.get(status) ?? []), code])
  }
  return groups
}

function schemasOf({ params, query, headers, body, answers }: Operation): readonly Schema<unknown>[] {
  return [
    ...[params, query, headers].flatMap((shape) => Object.values(shape ?? {})),
    ...(body === undefined ? [] : [body.schema]),
    ...Object.values(answers).map((content) => content.schema),
  ]
}

function collect(schema: Schema<unknown>, into: Map<string, JsonSchema>): void {
  if (schema.name !== null) {
    if (into.has(schema.name)) return
    into.set(schema.name, schema.json)
  }
  for (const part of schema.parts) collect(part, into)
}
