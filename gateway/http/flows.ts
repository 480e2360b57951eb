/** `/api/v1/flows` */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { checkFlow } from '../../schemas/flow/compile.ts'
import { didYouMean } from '../../schemas/flow/nearest.ts'
import type { FlowPublished } from '../../schemas/records/control.ts'
import { RequestError } from '../errors.ts'
import { requesterOf, tenantOf } from './context.ts'
import type { Edge } from './edge.ts'
import { integerOf, queryOf } from './query.ts'

const JSON_TYPE = 'application/json; charset=utf-8'

export function registerFlows(app: FastifyInstance, edge: Edge): void {
  app.post('/api/v1/flows', (request, reply) => publishFlow(edge, request, reply))
  app.post('/api/v1/flows/validate', (request) => validateFlow(request))
  app.get('/api/v1/flows', (request) => listFlows(edge, request))
  app.get('/api/v1/flows/:flow', (request, reply) => getFlow(edge, request, reply))
}

/** 201 with a new version, 200 with the latest one if that is the same document. */
async function publishFlow(edge: Edge, request: FastifyRequest, reply: FastifyReply): Promise<object> {
  const { record, created } = await edge.publisher.publishFlow(
    tenantOf(request),
    documentOf(request),
    requesterOf(request),
  )
  reply.code(created ? 201 : 200)
  return { ...shown(record), created }
}

/** Checks a document and publishes nothing. */
async function validateFlow(request: FastifyRequest): Promise<object> {
  const checked = checkFlow(documentOf(request))
  return checked.ok ? { ok: true, flow: checked.name, problems: [] } : { ok: false, problems: checked.problems }
}

async function listFlows(edge: Edge, request: FastifyRequest): Promise<object> {
  queryOf(request, [])
  await edge.definitions.current()
  return { flows: edge.definitions.flows(tenantOf(request)).map(shown) }
}

async function getFlow(edge: Edge, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { flow } = request.params as { readonly flow: string }
  const query = queryOf(request, ['version'])
  const tenant = tenantOf(request)
  await edge.definitions.current()
  const versions = edge.definitions.versions(tenant, flow)
  const latest = versions.at(-1)
  if (latest === undefined) {
    const known = edge.definitions.flows(tenant).map((record) => record.flow)
    const name = JSON.stringify(flow.slice(0, 100))
    throw new RequestError('flow_not_found', `flow ${name} is unknown for tenant '${tenant}'${didYouMean(flow, known)}`)
  }
  const wanted = integerOf('version', query.version, 1, 1_000_000_000, latest.version)
  const record = versions.find((version) => version.version === wanted)
  if (record === undefined) {
    throw new RequestError('flow_not_found', `flow '${flow}' has no version ${wanted}; expected 1 to ${latest.version}`)
  }
  const head = JSON.stringify({ ...shown(record), versions: versions.map((version) => version.version) })
  return reply.type(JSON_TYPE).send(`${head.slice(0, -1)},"document":${record.document}}`)
}

function documentOf(request: FastifyRequest): Uint8Array {
  if (request.body instanceof Uint8Array && request.body.length > 0) return request.body
  throw new RequestError('invalid_request', 'the body is empty; expected a flow document in YAML or JSON', {
    details: { code: 'EMPTY_BODY' },
  })
}

function shown({ tenant, flow, version, hash, publishedAtMs, publishedBy }: FlowPublished): object {
  return { tenant_id: tenant, flow, version, hash, published_at_ms: publishedAtMs, published_by: publishedBy }
}
