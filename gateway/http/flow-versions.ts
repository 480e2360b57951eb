/** `/api/v1/flows/:flow/...`: versions, their differences, and which of them are deprecated. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { didYouMean } from '../../schemas/flow/nearest.ts'
import { type Json, parseJson } from '../../schemas/json.ts'
import type { FlowPublished } from '../../schemas/records/control.ts'
import { API } from '../api/index.ts'
import { RequestError } from '../errors.ts'
import { boolean, orNull, readBody, text } from './body.ts'
import { requesterOf, tenantOf } from './context.ts'
import type { Edge } from './edge.ts'
import { sendWithEtag } from './etag.ts'
import { integerOf, queryOf } from './query.ts'
import { route } from './route.ts'

const MAX_VERSION = 1_000_000_000

export function registerFlowVersions(app: FastifyInstance, edge: Edge): void {
  route(app, API.listFlowVersions, (request) => listVersions(edge, request))
  route(app, API.getFlowVersion, (request, reply) => getVersion(edge, request, reply))
  route(app, API.diffFlow, (request) => diff(edge, request))
  route(app, API.deprecateFlow, (request) => deprecate(edge, request))
}

/** All versions of the flow that the path names, ascending. @throws {RequestError} if there are none */
export async function versionsOf(edge: Edge, request: FastifyRequest): Promise<readonly FlowPublished[]> {
  const { flow } = request.params as { readonly flow: string }
  const tenant = tenantOf(request)
  await edge.definitions.current()
  const versions = edge.definitions.versions(tenant, flow)
  if (versions.length > 0) return versions
  const known = edge.definitions.flows(tenant).map((record) => record.flow)
  const name = JSON.stringify(flow.slice(0, 100))
  throw new RequestError('flow_not_found', `flow ${name} is unknown for tenant '${tenant}'${didYouMean(flow, known)}`)
}

/** @throws {RequestError} */
export function versionIn(versions: readonly FlowPublished[], wanted: number): FlowPublished {
  const found = versions.find(({ version }) => version === wanted)
  if (found !== undefined) return found
  const { flow, version } = versions.at(-1)!
  throw new RequestError('flow_not_found', `flow '${flow}' has no version ${wanted}; expected 1 to ${version}`)
}

export function shown(edge: Edge, record: FlowPublished): object {
  const { tenant, flow, version, hash, publishedAtMs, publishedBy } = record
  const deprecation = edge.definitions.deprecation(record)
  const deprecated =
    deprecation === null
      ? null
      : { reason: deprecation.reason, at_ms: deprecation.changedAtMs, by: deprecation.changedBy }
  return {
    tenant_id: tenant,
    flow,
    version,
    hash,
    published_at_ms: publishedAtMs,
    published_by: publishedBy,
    deprecated,
  }
}

/** With the document as the text it is. */
export function sendVersion(
  edge: Edge,
  request: FastifyRequest,
  reply: FastifyReply,
  record: FlowPublished,
  more: object = {},
): FastifyReply {
  const head = JSON.stringify({ ...shown(edge, record), ...more })
  return sendWithEtag(request, reply, `${head}${record.hash}`, `${head.slice(0, -1)},"document":${record.document}}`)
}

async function listVersions(edge: Edge, request: FastifyRequest): Promise<object> {
  const query = queryOf(request, ['limit', 'after'])
  const limit = integerOf('limit', query.limit, 1, 1000, 50)
  const before = integerOf('after', query.after, 1, MAX_VERSION, MAX_VERSION + 1)
  const versions = await versionsOf(edge, request)
  const { tenant, flow } = versions[0]!
  const older = versions.filter(({ version }) => version < before)
  const page = older.slice(-limit).reverse()
  return {
    flow,
    versions: page.map((record) => shown(edge, record)),
    current: edge.definitions.flow(tenant, flow, null)?.record.version ?? null,
    next: page.length < older.length ? page.at(-1)!.version : null,
  }
}

async function getVersion(edge: Edge, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  queryOf(request, [])
  const wanted = versionParameter(request)
  return sendVersion(edge, request, reply, versionIn(await versionsOf(edge, request), wanted))
}

async function diff(edge: Edge, request: FastifyRequest): Promise<object> {
  const query = queryOf(request, ['from', 'to'])
  const from = integerOf('from', query.from, 1, MAX_VERSION, 0)
  const to = integerOf('to', query.to, 1, MAX_VERSION, 0)
  const versions = await versionsOf(edge, request)
  const after = to === 0 ? versions.at(-1)! : versionIn(versions, to)
  // the first version has none before it: nothing differs from itself
  const before = versionIn(versions, from === 0 ? Math.max(1, after.version - 1) : from)
  const documents = [before, after].map(({ document }) => parseJson(document)) as [Json, Json]
  const { flow } = after
  // what finds differences is loaded when somebody looks for them
  const { flowChanges, flowDiffText } = await import('../flow-diff.ts')
  return {
    flow,
    from: before.version,
    to: after.version,
    changes: flowChanges(...documents),
    text: flowDiffText(flow, before.version, after.version, ...documents),
  }
}

async function deprecate(edge: Edge, request: FastifyRequest): Promise<object> {
  queryOf(request, [])
  const version = versionParameter(request)
  const body = readBody(request.body, { deprecated: boolean, reason: orNull(text(1000)) })
  const record = versionIn(await versionsOf(edge, request), version)
  await edge.publisher.deprecateFlow({
    tenant: record.tenant,
    flow: record.flow,
    version,
    deprecated: body.deprecated ?? true,
    reason: body.reason ?? null,
    requestedBy: requesterOf(request),
  })
  return shown(edge, record)
}

function versionParameter(request: FastifyRequest): number {
  const { version } = request.params as { readonly version: string }
  return integerOf('version', version, 1, MAX_VERSION, 0)
}
