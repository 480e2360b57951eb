/** `/api/v1/routes/decide` */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { TenantId } from '../../schemas/ids.ts'
import { type Json, parseJson } from '../../schemas/json.ts'
import { anyRun } from '../../topology/read-model/lists.ts'
import { isFinished, type RunView } from '../../topology/read-model/port.ts'
import { API } from '../api/index.ts'
import { RequestError } from '../errors.ts'
import { contextOf } from '../http/context.ts'
import type { Edge } from '../http/edge.ts'
import { idempotencyKeyOf } from '../http/idempotency-key.ts'
import { route } from '../http/route.ts'
import { BUILT_IN, versionOf } from './built-in-flows.ts'
import { awaitDecision, checkDecidable, decisionOf, routerReply } from './decision.ts'
import { ABUSE_MAX_BYTES, olderTenant } from './guard.ts'
import { checkOlderId } from './ids.ts'
import type { OlderSettings } from './options.ts'
import { readOlder } from './request-body.ts'
import { submissionHeaders } from './submission.ts'

const MAX_KEY_LENGTH = 240

export function registerDecide(app: FastifyInstance, edge: Edge, settings: OlderSettings): void {
  const limits = { bodyLimit: ABUSE_MAX_BYTES }
  route(app, API.decideRoute, (request, reply) => decide(edge, settings, request, reply), limits)
  route(app, API.getDecision, (request) => decided(edge, request))
}

async function decide(edge: Edge, settings: OlderSettings, request: FastifyRequest, reply: FastifyReply) {
  const tenant = olderTenant(request)
  const asked = readOlder(request.body, tenant)
  checkDecidable(asked)
  const { request_id: ownId, trace_id: ownTrace } = contextOf(request, edge.environment)
  const requestId = asked.requestId ?? ownId
  const key = asked.idempotencyKey ?? idempotencyKeyOf(request, MAX_KEY_LENGTH)
  const ids = { request_id: asked.requestId, message_id: asked.messageId, trace_id: asked.traceId }
  const submission: Json = {
    flow: BUILT_IN.decide,
    version: await versionOf(edge, tenant, 'decide'),
    input: asked.fields as Json,
    metadata: Object.fromEntries(Object.entries(ids).filter(([, id]) => id !== null)),
    ...(key === null ? {} : { idempotency_key: `decide:${key}` }),
  }
  const submitted = await edge.submit(submission, submissionHeaders(edge, request, tenant))
  const decision = await awaitDecision(edge, submitted, settings.decisionTimeoutMs, reply)
  return routerReply(decision, tenant, requestId, asked.traceId ?? ownTrace)
}

/** The latest decision about the message, or else the request, of this id. */
async function decided(edge: Edge, request: FastifyRequest): Promise<object> {
  const tenant = olderTenant(request)
  const id = checkOlderId('id', (request.params as { readonly id: string }).id)
  const run = (await latest(edge, tenant, 'message_id', id)) ?? (await latest(edge, tenant, 'request_id', id))
  if (run === null) {
    throw new RequestError('not_found', `there is no decision about ${JSON.stringify(id)}`, { details: { id } })
  }
  if (!isFinished(run.status)) {
    const details = { id, run_id: run.runId }
    throw new RequestError('unavailable', 'this is being decided', { details, retryAfterS: 1 })
  }
  const ids = run.metadata === null ? {} : (parseJson(run.metadata) as { readonly [name: string]: string })
  return routerReply(decisionOf(run), tenant, ids.request_id ?? id, ids.trace_id ?? null)
}

async function latest(edge: Edge, tenant: TenantId, name: string, id: string): Promise<RunView | null> {
  const filter = { ...anyRun(tenant), flow: BUILT_IN.decide, metadata: [{ key: name, value: id }] }
  const { runs } = await edge.readModel.listRuns({ filter, order: 'newest', limit: 1, cursor: null })
  return runs[0] === undefined ? null : edge.readModel.getRun(tenant, runs[0].runId)
}
