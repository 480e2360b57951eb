/** `/api/v1/flows` */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { checkFlow } from '../../schemas/flow/compile.ts'
import { API } from '../api/index.ts'
import { RequestError } from '../errors.ts'
import { requesterOf, tenantOf } from './context.ts'
import type { Edge } from './edge.ts'
import { sendVersion, shown, versionIn, versionsOf } from './flow-versions.ts'
import { integerOf, queryOf } from './query.ts'
import { route } from './route.ts'

export function registerFlows(app: FastifyInstance, edge: Edge): void {
  route(app, API.publishFlow, (request, reply) => publishFlow(edge, request, reply))
  for (const check of [API.checkFlow, API.validateFlow]) route(app, check, (request) => checkDocument(edge, request))
  route(app, API.listFlows, (request) => listFlows(edge, request))
  route(app, API.getFlow, (request, reply) => getFlow(edge, request, reply))
}

/** 201 with a new version, 200 with the latest one if that is the same document. */
async function publishFlow(edge: Edge, request: FastifyRequest, reply: FastifyReply): Promise<object> {
  const { record, created } = await edge.publisher.publishFlow(
    tenantOf(request),
    documentOf(request),
    requesterOf(request),
  )
  reply.code(created ? 201 : 200)
  return { ...shown(edge, record), created }
}

/** Checks a document and publishes nothing. */
async function checkDocument({ blockTypes }: Edge, request: FastifyRequest): Promise<object> {
  const checked = checkFlow(documentOf(request), blockTypes)
  return checked.ok ? { ok: true, flow: checked.name, problems: [] } : { ok: false, problems: checked.problems }
}

async function listFlows(edge: Edge, request: FastifyRequest): Promise<object> {
  queryOf(request, [])
  await edge.definitions.current()
  return { flows: edge.definitions.flows(tenantOf(request)).map((record) => shown(edge, record)) }
}

async function getFlow(edge: Edge, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const query = queryOf(request, ['version'])
  const wanted = integerOf('version', query.version, 1, 1_000_000_000, 0)
  const versions = await versionsOf(edge, request)
  const record = wanted === 0 ? versions.at(-1)! : versionIn(versions, wanted)
  return sendVersion(edge, request, reply, record, { versions: versions.map(({ version }) => version) })
}

function documentOf(request: FastifyRequest): Uint8Array {
  if (request.body instanceof Uint8Array && request.body.length > 0) return request.body
  throw new RequestError('invalid_request', 'the body is empty; expected a flow document in YAML or JSON', {
    details: { code: 'EMPTY_BODY' },
  })
}
