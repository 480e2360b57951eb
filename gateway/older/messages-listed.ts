/** `GET /api/v1/messages` and its export. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { TenantId } from '../../schemas/ids.ts'
import { API } from '../api/index.ts'
import { listOf } from '../http/body.ts'
import type { Edge } from '../http/edge.ts'
import { integerOf, oneOf, queryOf, refuse } from '../http/query.ts'
import { route } from '../http/route.ts'
import { ABUSE_MAX_BYTES, olderTenant } from './guard.ts'
import { checkOlderId, runIdFor } from './ids.ts'
import { EXPORT_FORMATS, type ExportFormat, messagesCsv } from './message-export.ts'
import { findMessages, liveMessage, type MessageQuery, viewsOf } from './message-list.ts'
import { MESSAGE_STATUSES, type MessageView } from './message-view.ts'
import { invalid, objectOf } from './request-body.ts'

const FILTERS = ['tenant_id', 'status', 'message_type', 'search', 'order'] as const
const MAX_LIMIT = 100
const MAX_OFFSET = 1_000_000
const MAX_SEARCH = 256
const MAX_EXPORTED = 1_000

export function registerMessageLists(app: FastifyInstance, edge: Edge): void {
  route(app, API.listMessages, (request) => list(edge, request))
  route(app, API.exportMessages, (request, reply) => exportAll(edge, request, reply))
  route(app, API.exportSomeMessages, (request, reply) => exportSome(edge, request, reply), {
    bodyLimit: ABUSE_MAX_BYTES,
  })
}

/** Carries both forms that the older documents tell of. */
async function list(edge: Edge, request: FastifyRequest): Promise<object> {
  const query = queryOf(request, [...FILTERS, 'limit', 'offset', 'page'])
  const asked = filterOf(request, query)
  const limit = integerOf('limit', query.limit, 1, MAX_LIMIT, 20)
  const page = integerOf('page', query.page, 1, MAX_OFFSET, 1)
  if (query.page !== undefined && query.offset !== undefined) refuse('page', "expected 'page' or 'offset', not both")
  const offset = integerOf('offset', query.offset, 0, MAX_OFFSET, (page - 1) * limit)
  const { runs, complete } = await findMessages(edge.readModel, asked)
  const data = await viewsOf(edge.readModel, asked.tenant, runs.slice(offset, offset + limit))
  const total = runs.length
  const pagination = { total, limit, offset, has_more: offset + limit < total, complete }
  return { data, pagination, items: data, total, page: Math.floor(offset / limit) + 1 }
}

async function exportAll(edge: Edge, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const query = queryOf(request, [...FILTERS, 'format'])
  const format = oneOf('format', query.format, EXPORT_FORMATS) ?? 'json'
  const asked = filterOf(request, query)
  const { runs, complete } = await findMessages(edge.readModel, asked)
  const messages = await viewsOf(edge.readModel, asked.tenant, runs.slice(0, MAX_EXPORTED))
  return send(reply, format, messages, complete && runs.length <= MAX_EXPORTED)
}

async function exportSome(edge: Edge, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  queryOf(request, ['tenant_id'])
  const tenant = olderTenant(request)
  const fields = objectOf(request.body)
  const { format = 'json', message_ids: given } = fields
  if (format !== 'json' && format !== 'csv') throw invalid('format', format, EXPORT_FORMATS.join(' or '))
  if (given === undefined) throw invalid('message_ids', given, `a list of at most ${MAX_EXPORTED} ids`)
  const ids = listOf((item, path) => checkOlderId(path, item), MAX_EXPORTED)(given, 'message_ids')
  const messages: MessageView[] = []
  for (const id of new Set(ids)) {
    const message = await liveMessage(edge.readModel, tenant, runIdFor(tenant, 'message', id))
    if (message !== null) messages.push(message)
  }
  return send(reply, format, messages, true)
}

function send(reply: FastifyReply, format: ExportFormat, messages: readonly MessageView[], complete: boolean) {
  reply
    .header('content-disposition', `attachment; filename="messages.${format}"`)
    .header('x-export-complete', String(complete))
    .header('x-content-type-options', 'nosniff')
  if (format === 'csv') return reply.type('text/csv; charset=utf-8').send(messagesCsv(messages))
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(messages))
}

type FilterQuery = { readonly [N in (typeof FILTERS)[number]]: string | undefined }

function filterOf(request: FastifyRequest, query: FilterQuery): MessageQuery {
  const tenant: TenantId = olderTenant(request)
  const { search = '', message_type: messageType = '' } = query
  if (search.length > MAX_SEARCH) {
    refuse('search', `'search' has ${search.length} characters; expected at most ${MAX_SEARCH}`)
  }
  return {
    tenant,
    status: oneOf('status', query.status, MESSAGE_STATUSES),
    messageType: messageType === '' ? null : messageType,
    search: search === '' ? null : search,
    order: oneOf('order', query.order, ['desc', 'asc'] as const) === 'asc' ? 'oldest' : 'newest',
  }
}
