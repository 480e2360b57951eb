/** `/api/v1/dlq` */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Json, toJsonText } from '../../schemas/json.ts'
import type { LetterFilter } from '../../schemas/records/dlq.ts'
import { isTopic } from '../../schemas/topics.ts'
import type { Environment } from '../../topology/environment.ts'
import { anyLetter } from '../../topology/read-model/lists.ts'
import type { LetterGroup, LetterView } from '../../topology/read-model/port.ts'
import { API } from '../api/index.ts'
import { RequestError } from '../errors.ts'
import { integer, listOf, missing, number, orNull, type Read, readBody, readFields, text } from './body.ts'
import { requesterOf, tenantOf } from './context.ts'
import type { Edge } from './edge.ts'
import { idempotencyKeyOf } from './idempotency-key.ts'
import { integerOf, oneOf, queryOf } from './query.ts'
import { recordAt } from './record-at.ts'
import { recordShown } from './record-json.ts'
import { route } from './route.ts'
import { asOfShown } from './run-json.ts'

const LETTER_STATUSES = ['open', 'replayed', 'discarded'] as const
const MAX_LETTER_IDS = 10_000
const MAX_HISTORY = 50
/** Of a replay id. */
const MAX_REPLAY_ID = 128

export function registerDeadLetters(app: FastifyInstance, edge: Edge): void {
  route(app, API.letterGroups, async (request) => {
    queryOf(request, [])
    const { groups, asOf } = await edge.readModel.letterGroups(tenantOf(request))
    return { groups: groups.map(groupShown), as_of: asOfShown(asOf) }
  })
  route(app, API.listLetters, (request) => listLetters(edge, request))
  route(app, API.getLetter, (request) => getLetter(edge, request))
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
    replay_id: text(MAX_REPLAY_ID),
  })
  return edge.deadLetters.replay({
    replayId: body.replay_id ?? idempotencyKeyOf(request, MAX_REPLAY_ID) ?? newReplayId(edge.environment),
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
  const query = queryOf(request, ['fingerprint', 'status', 'flow', 'code', 'order', 'limit', 'after'])
  const limit = integerOf('limit', query.limit, 1, 1000, 50)
  const { letters, next, cutShort, asOf } = await edge.readModel.letters({
    ...anyLetter(tenantOf(request), limit),
    fingerprint: query.fingerprint ?? null,
    status: oneOf('status', query.status, LETTER_STATUSES),
    flow: query.flow ?? null,
    code: query.code ?? null,
    order: oneOf('order', query.order, ['newest', 'oldest'] as const) ?? 'newest',
    cursor: query.after ?? null,
  })
  return { letters: letters.map(letterShown), next, cut_short: cutShort, as_of: asOfShown(asOf) }
}

/** A letter with the record that caused it and the letters it descends from. */
async function getLetter(edge: Edge, request: FastifyRequest): Promise<object> {
  const tenant = tenantOf(request)
  const { letter_id } = request.params as { readonly letter_id: string }
  const { asOf } = await edge.readModel.state()
  const letter = await edge.readModel.getLetter(tenant, letter_id)
  if (letter === null) {
    const message = `dead letter ${JSON.stringify(letter_id.slice(0, 100))} is not known; it shows up moments after it was made`
    throw new RequestError('not_found', message, { details: { letter_id } })
  }
  const history: LetterView[] = []
  for (let at = letter; at.parentLetterId !== null && history.length < MAX_HISTORY; ) {
    const parent = await edge.readModel.getLetter(tenant, at.parentLetterId)
    if (parent === null) break
    history.push(parent)
    at = parent
  }
  return {
    ...letterShown(letter),
    record: await causeOf(edge, letter),
    history: history.map(letterShown),
    as_of: asOfShown(asOf),
  }
}

/** `null` if the log has no more of it. */
async function causeOf(edge: Edge, { topic, partition, offset }: LetterView): Promise<object | null> {
  if (!isTopic(topic) || partition < 0 || partition >= edge.log.partitions) return null
  const record = await recordAt(edge, topic, partition, offset)
  return record === null ? null : recordShown(record)
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
