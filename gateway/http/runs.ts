/** `/api/v1/runs` */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { homeOf, type RunId, type TenantId } from '../../schemas/ids.ts'
import type { Reply } from '../../schemas/records/replies.ts'
import { isFinished, type ReadModel, type RunView } from '../../topology/read-model/port.ts'
import { API } from '../api/index.ts'
import { type ErrorDetails, RequestError } from '../errors.ts'
import { outRecord } from '../out-record.ts'
import type { Submitted } from '../submit-run.ts'
import { readBody, text } from './body.ts'
import { goneSignal, requesterOf, tenantOf } from './context.ts'
import type { Edge } from './edge.ts'
import { sendWithEtag } from './etag.ts'
import { idempotencyKeyOf } from './idempotency-key.ts'
import { durationOf, queryOf } from './query.ts'
import { route } from './route.ts'
import { runIdOf } from './run-id.ts'
import { runJson } from './run-json.ts'
import { contextOfSubmission } from './submission-context.ts'
import { traceSubmitted } from './trace.ts'

const JSON_TYPE = 'application/json; charset=utf-8'
const MAX_KEY_LENGTH = 256

export function registerRuns(app: FastifyInstance, edge: Edge): void {
  route(app, API.submitRun, (request, reply) => postRun(edge, request, reply))
  route(app, API.getRun, (request, reply) => getRun(edge.readModel, request, reply))
  route(app, API.cancelRun, (request) => cancelRun(edge, request))
}

/** Answers with the text rather than the reply, which Fastify would wait for once more. */
async function postRun(edge: Edge, request: FastifyRequest, reply: FastifyReply): Promise<string> {
  const { wait } = queryOf(request, ['wait'])
  const waitMs = durationOf('wait', wait, edge.options.maxWaitMs)
  const submitted = await edge.submit(
    bytesOf(request),
    contextOfSubmission(edge, request, idempotencyKeyOf(request, MAX_KEY_LENGTH)),
  )
  traceSubmitted(request, submitted.runId)
  reply.type(JSON_TYPE)
  if (waitMs > 0) return answerWhenEnded(edge, submitted, waitMs, reply)
  reply.code(submitted.repeated ? 200 : 202)
  return acceptedJson(submitted, 'accepted')
}

async function answerWhenEnded(edge: Edge, submitted: Submitted, waitMs: number, reply: FastifyReply): Promise<string> {
  const { tenant, runId } = submitted
  const run = await edge.awaitRun(tenant, runId, waitMs, goneSignal(reply))
  const ended = run !== null && isFinished(run.status)
  reply.code(ended ? 200 : 202)
  return ended ? runJson(run) : acceptedJson(submitted, run?.status ?? 'accepted')
}

// A run id, a status and a position hold nothing that JSON would have to escape.
export function acceptedJson({ runId, position }: Submitted, status: string): string {
  return `{"run_id":"${runId}","status":"${status}","position":"${position}"}`
}

function bytesOf(request: FastifyRequest): Uint8Array {
  return request.body instanceof Uint8Array ? request.body : new Uint8Array()
}

async function getRun(readModel: ReadModel, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const run = await knownRun(readModel, request)
  const text = runJson(run)
  // what other runs of the partition have done meanwhile changes nothing in this one
  return sendWithEtag(request, reply, text.slice(0, text.lastIndexOf(',"as_of":')), text)
}

/** The run that the path names. @throws {RequestError} */
export async function knownRun(readModel: ReadModel, request: FastifyRequest): Promise<RunView> {
  const runId = runIdOf(request)
  const run = await readModel.getRun(tenantOf(request), runId)
  if (run === null) throw unknownRun(runId)
  return run
}

async function cancelRun(edge: Edge, request: FastifyRequest): Promise<object> {
  const runId = runIdOf(request)
  const tenant = tenantOf(request)
  const { reason } = readBody(request.body, { reason: text(1000) })
  const expected = edge.replies.expect('the cancellation')
  const home = homeOf(runId, edge.log.partitions)
  const command = {
    kind: 'CancelRun',
    runId,
    tenant,
    reason: reason ?? null,
    requestedBy: requesterOf(request),
    force: false,
    replyTo: expected.replyTo,
  } as const
  await edge.log.append([outRecord('result', home, runId, command)]).catch((error: unknown) => {
    expected.forget()
    throw error
  })
  const reply = await expected.reply
  if (reply.ok) return JSON.parse(reply.body) as object
  throw await cancelRefused(edge.readModel, tenant, runId, reply)
}

/** The engine forgets runs some time after their end; the read model knows longer. */
async function cancelRefused(
  readModel: ReadModel,
  tenant: TenantId,
  runId: RunId,
  reply: Reply,
): Promise<RequestError> {
  const run: RunView | null = await readModel.getRun(tenant, runId).catch(() => null)
  if (run !== null && isFinished(run.status)) {
    return new RequestError('conflict', `run '${runId}' has ended already: ${run.status}`, {
      details: { code: 'ALREADY_ENDED', status: run.status },
    })
  }
  const body = JSON.parse(reply.body) as { readonly message?: string; readonly details?: ErrorDetails }
  const details = { code: reply.code.toUpperCase(), ...body.details }
  const code = reply.code === 'run_unknown' ? 'run_not_found' : 'conflict'
  return new RequestError(code, body.message ?? `the run cannot be cancelled: ${reply.code}`, { details })
}

export function unknownRun(runId: RunId): RequestError {
  return new RequestError(
    'run_not_found',
    `run '${runId}' is not known; a run shows up moments after it was accepted`,
    {
      details: { run_id: runId },
    },
  )
}
