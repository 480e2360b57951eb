/** `/api/v1/operations`: one action on all that a query finds. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Json, parseJson } from '../../schemas/json.ts'
import { OPERATION_ACTIONS, type OperationAction } from '../../schemas/records/operations.ts'
import type { OperationItemView, OperationView } from '../../topology/read-model/operations.ts'
import { API } from '../api/index.ts'
import { type BulkQuery, unknownOperation } from '../bulk-operations.ts'
import { ACTION_STATUSES, findRuns } from '../operation-runs.ts'
import { boolean, missing, number, oneOf as oneOfBody, orNull, type Read, readBody, text } from './body.ts'
import { requesterOf, tenantOf } from './context.ts'
import type { Edge } from './edge.ts'
import { idempotencyKeyOf } from './idempotency-key.ts'
import { integerOf, oneOf, queryOf } from './query.ts'
import { route } from './route.ts'
import { asOfShown } from './run-json.ts'
import { letterFilterOf, runFilterOf } from './run-query.ts'

const MAX_KEY_LENGTH = 256
const MAX_RATE = 1_000_000
const SAMPLE = 20
const anyJson: Read<Json> = (value) => value

export function registerBulkOperations(app: FastifyInstance, edge: Edge): void {
  route(app, API.startOperation, (request, reply) => start(edge, request, reply))
  route(app, API.listOperations, (request) => list(edge, request))
  route(app, API.getOperation, async (request) => {
    const { asOf } = await edge.readModel.state()
    return { ...operationShown(await known(edge, request)), as_of: asOfShown(asOf) }
  })
  route(app, API.operationItems, (request) => items(edge, request))
  route(app, API.stopOperation, async (request) => {
    readBody(request.body, {})
    const operationId = idOf(request)
    await edge.bulk.stop(tenantOf(request), operationId)
    return { operation_id: operationId, stopping: true }
  })
}

async function start(edge: Edge, request: FastifyRequest, reply: FastifyReply): Promise<object> {
  const body = readBody(request.body, {
    action: oneOfBody(OPERATION_ACTIONS),
    query: anyJson,
    dry_run: boolean,
    rate_per_s: number(0, MAX_RATE),
    reason: orNull(text(1000)),
  })
  const tenant = tenantOf(request)
  const action = body.action ?? missing('action')
  // asked for even if it is empty, so that nobody means one flow and cancels them all
  const asked = askedOf(request, action, body.query === undefined ? missing('query') : body.query)
  const idempotencyKey = idempotencyKeyOf(request, MAX_KEY_LENGTH)
  if (body.dry_run === true) return preview(edge, asked)
  const reason = body.reason ?? (action === 'discard' ? missing('reason') : null)
  const requestedBy = requesterOf(request)
  const ratePerSecond = body.rate_per_s ?? 0
  const begun = await edge.bulk.start({ tenant, asked, ratePerSecond, requestedBy, reason, idempotencyKey })
  reply.code(202)
  const { operationId, matched, repeated, position } = begun
  return { operation_id: operationId, action, matched, repeated, position }
}

function askedOf(request: FastifyRequest, action: OperationAction, query: Json): BulkQuery {
  const tenant = tenantOf(request)
  if (action === 'replay' || action === 'discard') {
    return { kind: 'letters', action, query, filter: letterFilterOf(query, 'query', tenant) }
  }
  return { kind: 'runs', action, query, filter: runFilterOf(query, 'query', tenant, ACTION_STATUSES[action]) }
}

/** What it would find now. */
async function preview(edge: Edge, asked: BulkQuery): Promise<object> {
  const { action } = asked
  if (asked.kind === 'letters') {
    const { matched, letters } = await edge.deadLetters.plan(asked.filter, SAMPLE)
    const sample = letters.map(({ letter_id, flow, code, at_ms }) => ({
      id: letter_id,
      flow,
      status: 'open',
      code,
      at_ms,
    }))
    return { dry_run: true, action, matched, complete: true, sample }
  }
  const found = await findRuns(edge.readModel, asked.action, asked.filter, edge.environment.now())
  const sample = found.sample.map(({ runId, flow, status, error, acceptedAtMs }) => {
    const code = error === null ? null : (parseJson(error) as { readonly code: string }).code
    return { id: runId, flow, status, code, at_ms: acceptedAtMs }
  })
  return { dry_run: true, action, matched: found.ids.length, complete: found.complete, sample }
}

async function list(edge: Edge, request: FastifyRequest): Promise<object> {
  const query = queryOf(request, ['action', 'limit', 'after'])
  const page = await edge.readModel.operations({
    tenant: tenantOf(request),
    action: oneOf('action', query.action, OPERATION_ACTIONS),
    limit: integerOf('limit', query.limit, 1, 1000, 50),
    cursor: query.after ?? null,
  })
  return { operations: page.operations.map(operationShown), next: page.next, as_of: asOfShown(page.asOf) }
}

async function items(edge: Edge, request: FastifyRequest): Promise<object> {
  const query = queryOf(request, ['outcome', 'limit', 'after'])
  const operationId = idOf(request)
  const page = await edge.readModel.operationItems({
    tenant: tenantOf(request),
    operationId,
    outcome: oneOf('outcome', query.outcome, ['done', 'skipped', 'failed'] as const),
    limit: integerOf('limit', query.limit, 1, 1000, 50),
    cursor: query.after ?? null,
  })
  if (page === null) throw unknownOperation(operationId)
  return { items: page.items.map(itemShown), next: page.next, as_of: asOfShown(page.asOf) }
}

async function known(edge: Edge, request: FastifyRequest): Promise<OperationView> {
  const operationId = idOf(request)
  const operation = await edge.readModel.getOperation(tenantOf(request), operationId)
  if (operation === null) throw unknownOperation(operationId)
  return operation
}

function idOf(request: FastifyRequest): string {
  return (request.params as { readonly operation_id: string }).operation_id
}

function operationShown(operation: OperationView) {
  const { operationId, tenant, action, query, ratePerSecond, requestedBy, reason, status } = operation
  const { startedAtMs, endedAtMs, offset, matched, done, skipped, failed } = operation
  return {
    operation_id: operationId,
    tenant_id: tenant,
    action,
    query: parseJson(query),
    rate_per_s: ratePerSecond,
    requested_by: requestedBy,
    reason,
    status,
    started_at_ms: startedAtMs,
    ended_at_ms: endedAtMs,
    position: `events/0/${offset}`,
    matched,
    done,
    skipped,
    failed,
  }
}

function itemShown({ id, atMs, outcome, code, newRunId, runStatus }: OperationItemView) {
  return { id, at_ms: atMs, outcome, code, new_run_id: newRunId, run_status: runStatus }
}
