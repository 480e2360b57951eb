/**
 * What blocks demand of their input beyond their schemas: they refuse it with codes of their own (`MISSING_URL` and so on), which older clients know.
 * Here as JSON Schemas, so that a flow whose step can only fail is not published. Nothing is demanded here that a block would let through.
 */
import type { Schema } from '../../../schemas/flow/expectation.ts'
import type { KernelDef } from './gpu/kernels/kernel-def.ts'
import { KERNELS } from './gpu/kernels/kernels.ts'

const given = (...names: readonly string[]): Schema => ({ required: names })
const eitherGiven = (...names: readonly string[]): Schema => ({ anyOf: names.map((name) => given(name)) })
const where = (field: string, value: string): Schema => ({ properties: { [field]: { const: value } }, ...given(field) })
/** Not as a literal, which would look like a promise. */
const branch = (condition: Schema, met: Schema, otherwise: Schema | boolean = true): Schema =>
  Object.fromEntries([
    ['if', condition],
    ['then', met],
    ['else', otherwise],
  ])

const OF_PUT: Schema = { ...given('path'), ...eitherGiven('bytes', 'content') }

const NEEDS: { readonly [type: string]: Schema } = {
  http: given('url'),
  'worker.http': given('url'),
  'http.request': given('url', 'method'),
  graphql: given('url', 'query'),
  webhook: given('url', 'secret'),
  llm: branch(where('op', 'embeddings'), given('input'), eitherGiven('prompt', 'messages')),
  sql: { ...given('query'), ...eitherGiven('connection', 'connection_string') },
  'sql.query': given('query'),
  'fs.get': given('path'),
  'fs.put': OF_PUT,
  fs_blob_get: given('path'),
  fs_blob_put: OF_PUT,
  'fs.blob_get': given('path'),
  'fs.blob_put': given('path', 'content'),
  redis: branch(where('op', 'publish'), given('channel'), {
    ...given('key'),
    ...branch(where('op', 'expire'), given('ttl_ms')),
  }),
  jmespath: given('expression'),
  javascript: given('code'),
  'javascript.trusted': given('code'),
  kernel: {
    properties: { kernel: { enum: KERNELS.map(({ name }) => name) } },
    allOf: KERNELS.map((kernel) => branch(where('kernel', kernel.name), fieldsOf(kernel))),
  },
}

/** JSON Schema (2020-12) without types; `undefined`: nothing beyond the block's schema. */
export function stepNeeds(type: string): Schema | undefined {
  return Object.hasOwn(NEEDS, type) ? NEEDS[type] : undefined
}

function fieldsOf({ required, optional }: KernelDef): Schema {
  const names = ['kernel', ...required, ...optional, 'encoding']
  return { required, properties: Object.fromEntries(names.map((name) => [name, {}])), additionalProperties: false }
}
