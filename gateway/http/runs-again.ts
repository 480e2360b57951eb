/** `POST /api/v1/runs/:run_id/retry` goes on where a run failed, `.../rerun` runs the whole again. */
import { hash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { canonicalJson } from '../../schemas/codec/canonical-hash.ts'
import type { RunId } from '../../schemas/ids.ts'
import { type Json, parseJson, toJsonText } from '../../schemas/json.ts'
import { mergePatch } from '../../schemas/merge-patch.ts'
import { replayRunId } from '../../schemas/replay-run-id.ts'
import { isFinished, type LetterView, type RunView } from '../../topology/read-model/port.ts'
import { API } from '../api/index.ts'
import { RequestError } from '../errors.ts'
import { integer, orNull, type Read, readBody, text } from './body.ts'
import { requesterOf } from './context.ts'
import type { Edge } from './edge.ts'
import { idempotencyKeyOf } from './idempotency-key.ts'
import { route } from './route.ts'
import { acceptedJson, knownRun } from './runs.ts'
import { contextOfSubmission } from './submission-context.ts'
import { traceRunAgain, traceSubmitted } from './trace.ts'

const MAX_KEY_LENGTH = 256
const anyJson: Read<Json> = (value) => value

export function registerRunsAgain(app: FastifyInstance, edge: Edge): void {
  route(app, API.retryRun, (request, reply) => retry(edge, request, reply))
  route(app, API.rerunRun, (request, reply) => rerun(edge, request, reply))
}

/** Replays the run's dead letter, always under one replay id for one patch: asked twice it begins one run. */
async function retry(edge: Edge, request: FastifyRequest, reply: FastifyReply): Promise<object> {
  const { patch, reason } = readBody(request.body, { patch: anyJson, reason: orNull(text(1000)) })
  const run = await knownRun(edge.readModel, request)
  const letterId = letterOf(run)
  const replayId = retryIdOf(run.runId, patch ?? null)
  const replayed = await edge.deadLetters.replay({
    replayId,
    filter: { tenant: run.tenant, fingerprint: null, flow: null, code: null, letterIds: [letterId] },
    ratePerSecond: 0,
    limit: null,
    patch: patch === undefined || patch === null ? null : toJsonText(patch),
    requestedBy: requesterOf(request),
    reason: reason ?? null,
  })
  const [refusal] = replayed.refusals
  if (refusal?.code === 'INVALID_INPUT') {
    throw new RequestError('invalid_request', refusal.message, { details: { code: 'INVALID_INPUT', path: 'patch' } })
  }
  if (replayed.scheduled === 0) await checkReplayed(edge, run, letterId, replayId, replayed.refused > 0)
  reply.code(202)
  const runId = replayRunId(run.runId, letterId, replayId)
  return { run_id: runId, retry_of: run.runId, letter_id: letterId, replay_id: replayId }
}

/** As bulk operations name theirs, where there is no patch. */
function retryIdOf(runId: RunId, patch: Json): string {
  const plain = `retry-${runId}`
  return patch === null ? plain : `${plain}-${hash('sha256', canonicalJson(patch), 'hex').slice(0, 16)}`
}

function letterOf({ runId, status, letterId }: RunView): string {
  if (letterId !== null) return letterId
  const found = isFinished(status) ? `has ended: ${status}` : `has not ended: ${status}`
  throw conflict('RUN_NOT_FAILED', `run '${runId}' ${found}; expected one that failed`, { status })
}

/** A letter that is not open any more may have been taken by this very retry. */
async function checkReplayed(
  edge: Edge,
  { tenant, runId }: RunView,
  letterId: string,
  replayId: string,
  refused: boolean,
): Promise<void> {
  if (refused) {
    const message = `run '${runId}' cannot be gone on with: its version of the flow is not known any more`
    throw conflict('REPLAY_REFUSED', message, { letter_id: letterId })
  }
  const letter = await edge.readModel.getLetter(tenant, letterId)
  if (letter === null || letter.status === 'open') {
    const message = `the dead letter of run '${runId}' is not stored yet, or another replay of it has begun`
    throw new RequestError('unavailable', message, { retryAfterS: 1, details: { letter_id: letterId } })
  }
  if (letter.replayId === replayId) return
  const details = { letter_id: letterId, status: letter.status, new_run_id: letter.newRunId }
  throw conflict('LETTER_NOT_OPEN', whatBecame(letter, runId), details)
}

function whatBecame({ status, replayId, newRunId }: LetterView, runId: RunId): string {
  if (status !== 'replayed') return `the dead letter of run '${runId}' was ${status} before`
  const plain = retryIdOf(runId, null)
  const how = replayId === plain ? 'without a patch' : replayId?.startsWith(plain) ? 'with another patch' : null
  const before = how === null ? `was replayed before, by '${replayId}'` : `was retried before, ${how}`
  return `run '${runId}' ${before}, as run '${newRunId}'; to change the input once more retry that run, or rerun this one`
}

async function rerun(edge: Edge, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const body = readBody(request.body, { input: anyJson, patch: anyJson, version: versionField })
  const run = await knownRun(edge.readModel, request)
  const { flow, version, stickyKey, priority, metadata, runId } = run
  const submission = {
    flow,
    // a submission that was refused has none
    version: body.version === 'latest' ? null : (body.version ?? (version === 0 ? null : version)),
    input: inputOf(run, body.input, body.patch),
    sticky_key: stickyKey,
    priority,
    metadata: metadata === null ? null : parseJson(metadata),
  }
  const context = contextOfSubmission(edge, request, idempotencyKeyOf(request, MAX_KEY_LENGTH))
  const origin = { of: runId, replayId: 'rerun', letterId: '', completed: [] }
  const submitted = await edge.submit(submission, context, origin)
  traceSubmitted(request, submitted.runId)
  await traceRunAgain(request, edge, run)
  reply.type('application/json; charset=utf-8').code(submitted.repeated ? 200 : 202)
  return reply.send(acceptedJson(submitted, 'accepted'))
}

function inputOf({ runId, input }: RunView, given: Json | undefined, patch: Json | undefined): Json {
  if (given !== undefined && patch !== undefined) {
    const message = '`input` and `patch` are both given; expected one of them'
    throw new RequestError('invalid_request', message, { details: { code: 'INVALID_FIELD', path: 'patch' } })
  }
  if (given !== undefined) return given
  if (input === null || input.kind === 'omitted') {
    throw conflict('INPUT_NOT_KEPT', `the input of run '${runId}' was not kept; expected one in \`input\``, {})
  }
  const kept = parseJson(input.text)
  return patch === undefined ? kept : mergePatch(kept, patch)
}

const versionNumber = integer(1, 1_000_000_000)
const versionField: Read<number | 'latest'> = (value, path) => (value === 'latest' ? value : versionNumber(value, path))

function conflict(code: string, message: string, details: object): RequestError {
  return new RequestError('conflict', message, { details: { code, ...details } })
}
