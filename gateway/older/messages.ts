/** `/api/v1/messages`: a message is a run of a built-in flow, under an id that is made of the message's. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Json } from '../../schemas/json.ts'
import { API } from '../api/index.ts'
import { RequestError } from '../errors.ts'
import { listOf } from '../http/body.ts'
import { contextOf, requesterOf } from '../http/context.ts'
import type { Edge } from '../http/edge.ts'
import { route } from '../http/route.ts'
import { BUILT_IN, versionOf } from './built-in-flows.ts'
import { awaitDecision, checkDecidable, routerReply } from './decision.ts'
import { ABUSE_MAX_BYTES, olderTenant } from './guard.ts'
import { checkOlderId, newMessageId, runIdFor } from './ids.ts'
import { deleteMessage } from './message-delete.ts'
import { liveMessage } from './message-list.ts'
import { messageStatus } from './message-view.ts'
import type { OlderSettings } from './options.ts'
import { invalid, objectOf, readOlder } from './request-body.ts'
import { submissionHeaders } from './submission.ts'

const MAX_DELETED = 500
const AT_ONCE = 25

export function registerMessages(app: FastifyInstance, edge: Edge, settings: OlderSettings): void {
  const limits = { bodyLimit: ABUSE_MAX_BYTES }
  route(app, API.postMessage, (request, reply) => post(edge, settings, request, reply), limits)
  route(app, API.getMessage, (request) => get(edge, request))
  route(app, API.putMessage, (request) => put(request), limits)
  route(app, API.deleteMessage, (request) => remove(edge, request))
  route(app, API.bulkDeleteMessages, (request) => bulkDelete(edge, request), limits)
}

/** Who speaks the router's language gets its reply once it is decided; the console is answered once the message is durable. */
async function post(edge: Edge, settings: OlderSettings, request: FastifyRequest, reply: FastifyReply) {
  const tenant = olderTenant(request)
  const asked = readOlder(request.body, tenant)
  checkDecidable(asked)
  const messageId = asked.messageId ?? newMessageId(edge.environment)
  const marks = { message_id: messageId, message_type: asked.messageType, trace_id: asked.traceId }
  const submission: Json = {
    flow: BUILT_IN.message,
    version: await versionOf(edge, tenant, 'message'),
    run_id: runIdFor(tenant, 'message', messageId),
    input: asked.fields as Json,
    metadata: Object.fromEntries(Object.entries(marks).filter(([, mark]) => mark !== null)),
  }
  const submitted = await edge.submit(submission, submissionHeaders(edge, request, tenant))
  const receipt = { message_id: messageId, ack_timestamp_ms: edge.environment.now() }
  if (!asked.versioned) {
    reply.code(201)
    return { ...receipt, status: 'published', message_status: messageStatus('accepted'), run_id: submitted.runId }
  }
  const decision = await awaitDecision(edge, submitted, settings.decisionTimeoutMs, reply)
  const { request_id: ownId, trace_id: ownTrace } = contextOf(request, edge.environment)
  const answer = routerReply(decision, tenant, asked.requestId ?? ownId, asked.traceId ?? ownTrace)
  return { ...answer, ...receipt, status: 'published' }
}

async function get(edge: Edge, request: FastifyRequest): Promise<object> {
  const tenant = olderTenant(request)
  const messageId = idOf(request)
  const message = await liveMessage(edge.readModel, tenant, runIdFor(tenant, 'message', messageId))
  if (message !== null) return message
  throw new RequestError('not_found', `there is no message ${JSON.stringify(messageId)}`, {
    details: { message_id: messageId },
  })
}

/** As the older gateway's, which kept no messages: gives back what it was sent. What was submitted stays as it was. */
async function put(request: FastifyRequest): Promise<object> {
  const messageId = idOf(request)
  const fields = objectOf(request.body)
  const given = fields.message_id
  if (given == null || given === messageId) return { ...fields, message_id: messageId }
  const message = `the path names message ${JSON.stringify(messageId)}, \`message_id\` ${JSON.stringify(given).slice(0, 140)}`
  throw new RequestError('conflict', `${message}; expected the same`, {
    details: { code: 'ID_MISMATCH', path: 'message_id' },
  })
}

async function remove(edge: Edge, request: FastifyRequest): Promise<object> {
  const messageId = idOf(request)
  await deleteMessage(edge, olderTenant(request), { messageId, requestedBy: requesterOf(request), unseen: true })
  return { status: 'deleted', message_id: messageId }
}

async function bulkDelete(edge: Edge, request: FastifyRequest): Promise<object> {
  const tenant = olderTenant(request)
  const fields = objectOf(request.body)
  const given = fields.message_ids ?? fields.ids
  if (given === undefined) throw invalid('message_ids', given, `a list of at most ${MAX_DELETED} ids`)
  const ids = [...new Set(listOf((item, path) => checkOlderId(path, item), MAX_DELETED)(given, 'message_ids'))]
  const requestedBy = requesterOf(request)
  const failed: string[] = []
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    const some = ids.slice(at, at + AT_ONCE)
    const outcomes = await Promise.all(
      some.map((messageId) => deleteMessage(edge, tenant, { messageId, requestedBy, unseen: false })),
    )
    failed.push(...some.filter((_id, index) => !outcomes[index]))
  }
  return { deleted_count: ids.length - failed.length, failed }
}

function idOf(request: FastifyRequest): string {
  return checkOlderId('message_id', (request.params as { readonly message_id: string }).message_id)
}
