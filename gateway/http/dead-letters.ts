/** `/api/v1/dlq` */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Json, toJsonText } from '../../schemas/json.ts'
import type { LetterFilter } from '../../schemas/records/dlq.ts'
import type { Environment } from '../../topology/environment.ts'
import { anyLetter } from '../../topology/read-model/lists.ts'
import type { LetterGroup, LetterView } from '../../topology/read-model/port.ts'
import { API } from '../api/index.ts'
import { integer, listOf, missing, number, orNull, type Read, readBody, readFields, text } from './body.ts'
import { requesterOf, tenantOf } from './context.ts'
import type { Edge } from './edge.ts'
import { integerOf, oneOf, queryOf } from './query.ts'
import { route } from './route.ts'

const LETTER_STATUSES = ['open', 'replayed', 'discarded'] as const
const MAX_LETTER_IDS = 10_000

export function registerDeadLetters(app: FastifyInstance, edge: Edge): void {
  route(app, API.letterGroups, async (request) => {
    queryOf(request, [])
    const { groups } = await edge.readModel.letterGroups(tenantOf(request))
    return { groups: groups.map(groupShown) }
  })
  route(app, API.listLetters, (request) => listLetters(edge, request))
  route(app, API.planReplay, (request) => {
    const { filter, sample } = readBody(request.body, { filter: filterFields, sample: integer(0, 1000) })
    return edge.deadLetters.plan(filterOf(request, filter), sample ?? 20)
  })
  route(app, API.replayLetters, (request) => replay(edge, request))
  route(app, API.discardLetters, (request) => {
    const { filter, reason } = readBody(request.body, { filter: filterFields, reason: text(1000) })
    const because = reason ?? missing('reason')
    return edge.deadLetters.discard(filterOf(request, filter), because, requesterOf(request))
  })
}

const filterFields = (value: Json, path: string) =>
  readFields(value, path, {
    fingerprint: orNull(text(256)),
    flow: orNull(text(256)),
    code: orNull(text(256)),
    letter_ids: listOf(text(256), MAX_LETTER_IDS),
  })

const anyJson: Read<Json> = (value) => value

async function replay(edge: Edge, request: FastifyRequest): Promise<object> {
  const body = readBody(request.body, {
    filter: filterFields,
    rate: number(0, 1_000_000),
    limit: orNull(integer(1, 1_000_000_000)),
    patch: anyJson,
    reason: orNull(text(1000)),
    replay_id: text(128),
  })
  return edge.deadLetters.replay({
    replayId: body.replay_id ?? newReplayId(edge.environment),
    filter: filterOf(request, body.filter),
    ratePerSecond: body.rate ?? 0,
    limit: body.limit ?? null,
    // A patch of null would replace a record by null; whoever sends it means no patch.
    patch: body.patch === undefined || body.patch === null ? null : toJsonText(body.patch),
    requestedBy: requesterOf(request),
    reason: body.reason ?? null,
  })
}

/** A filter is asked for even if it is empty, so that nobody means one group and moves them all. */
function filterOf(request: FastifyRequest, filter: ReturnType<typeof filterFields> | undefined): LetterFilter {
  const given = filter ?? missing('filter')
  return {
    tenant: tenantOf(request),
    fingerprint: given.fingerprint ?? null,
    flow: given.flow ?? null,
    code: given.code ?? null,
    letterIds: given.letter_ids ?? [],
  }
}

async function listLetters(edge: Edge, request: FastifyRequest): Promise<object> {
  const query = queryOf(request, ['fingerprint', 'status', 'limit', 'after'])
  const limit = integerOf('limit', query.limit, 1, 1000, 50)
  const { letters, next } = await edge.readModel.letters({
    ...anyLetter(tenantOf(request), limit),
    fingerprint: query.fingerprint ?? null,
    status: oneOf('status', query.status, LETTER_STATUSES),
    cursor: query.after ?? null,
  })
  return { letters: letters.map(letterShown), next }
}

function newReplayId(environment: Environment): string {
  const word = (): string => environment.randomU32().toString(36)
  return `replay-${word()}${word()}`
}

function groupShown(group: LetterGroup): object {
  return {
    fingerprint: group.fingerprint,
    category: group.category,
    flow: group.flow,
    step_id: group.stepId,
    code: group.code,
    message: group.message,
    open: group.open,
    replayed: group.replayed,
    discarded: group.discarded,
    first_at_ms: group.firstAtMs,
    last_at_ms: group.lastAtMs,
    sample_letter_ids: group.sampleLetterIds,
  }
}

function letterShown(letter: LetterView): object {
  return {
    letter_id: letter.letterId,
    fingerprint: letter.fingerprint,
    category: letter.category,
    status: letter.status,
    error: JSON.parse(letter.error) as Json,
    run_id: letter.runId,
    flow: letter.flow,
    step_id: letter.stepId,
    position: `${letter.topic}/${letter.partition}/${letter.offset}`,
    parent_letter_id: letter.parentLetterId,
    at_ms: letter.atMs,
    replay_id: letter.replayId,
    new_run_id: letter.newRunId,
    resolved_at_ms: letter.resolvedAtMs,
    resolved_by: letter.resolvedBy,
    resolved_reason: letter.resolvedReason,
  }
}
