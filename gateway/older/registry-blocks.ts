/** Changes of the older registry of blocks. What steps may do comes with the executors, so a registration is checked and kept as a run, and changes nothing else. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Json } from '../../schemas/json.ts'
import { API } from '../api/index.ts'
import { RequestError } from '../errors.ts'
import type { Edge } from '../http/edge.ts'
import { queryOf } from '../http/query.ts'
import { route } from '../http/route.ts'
import { BUILT_IN, versionOf } from './built-in-flows.ts'
import { ABUSE_MAX_BYTES, olderTenant } from './guard.ts'
import { type Fields, isObject, objectOf } from './request-body.ts'
import { submissionHeaders } from './submission.ts'

type Change = 'created' | 'updated' | 'unregistered'

const TYPE = /^[A-Za-z][A-Za-z0-9._-]{0,127}$/
const VERSION = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/
const SCHEMAS = ['schema', 'input_schema', 'output_schema', 'inputs', 'outputs'] as const

export function registerRegistryBlocks(app: FastifyInstance, edge: Edge): void {
  const limits = { bodyLimit: ABUSE_MAX_BYTES }
  for (const register of [API.registerBlock, API.registerBlockUnder]) {
    route(app, register, (request, reply) => change(edge, request, reply.code(201), 'created'), limits)
  }
  route(app, API.updateBlock, (request, reply) => change(edge, request, reply, 'updated'), limits)
  route(app, API.unregisterBlock, (request, reply) => change(edge, request, reply, 'unregistered'), limits)
}

async function change(edge: Edge, request: FastifyRequest, _reply: FastifyReply, status: Change): Promise<object> {
  queryOf(request, [])
  const tenant = olderTenant(request)
  const manifest = status === 'unregistered' ? {} : objectOf(request.body)
  const { type, version } = namedBlock(
    request.params as { readonly type?: string; readonly version?: string },
    manifest,
  )
  checkSchemas(manifest)
  const submission: Json = {
    flow: BUILT_IN.registration,
    version: await versionOf(edge, tenant, 'registration'),
    input: { type, version, status, manifest: manifest as Json },
    metadata: { type, version, status },
  }
  await edge.submit(submission, submissionHeaders(edge, request, tenant))
  return { type, version, status, ts: edge.environment.now() }
}

function namedBlock(params: { readonly type?: string; readonly version?: string }, manifest: Fields) {
  const type = agreed('type', params.type, manifest.type, TYPE)
  return { type, version: agreed('version', params.version, manifest.version, VERSION) }
}

/** What the path says, and the body must not contradict. */
function agreed(name: string, path: string | undefined, body: Json | undefined, form: RegExp): string {
  const given = typeof body === 'number' ? String(body) : (body ?? undefined)
  const value = path ?? given
  if (typeof value !== 'string' || !form.test(value)) {
    throw invalidSchema(name, `\`${name}\` is ${JSON.stringify(value ?? null).slice(0, 100)}; expected a name`)
  }
  if (given === undefined || given === value) return value
  const message = `the path names ${name} ${JSON.stringify(value)}, the body ${JSON.stringify(given).slice(0, 100)}; expected the same`
  throw new RequestError('conflict', message, { details: { code: 'MISMATCH', path: name } })
}

function checkSchemas(manifest: Fields): void {
  for (const name of SCHEMAS) {
    const value = manifest[name]
    if (value === undefined || value === null || isObject(value) || typeof value === 'boolean') continue
    if (Array.isArray(value) && (name === 'inputs' || name === 'outputs')) continue
    throw invalidSchema(name, `\`${name}\` is ${JSON.stringify(value).slice(0, 100)}; expected a JSON Schema`)
  }
}

function invalidSchema(path: string, message: string): RequestError {
  return new RequestError('invalid_schema', message, { details: { path } })
}
