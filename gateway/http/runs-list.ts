/** `GET /api/v1/runs` and `GET /api/v1/runs/counts` */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type EpochMs, isStepId } from '../../schemas/ids.ts'
import { type RunFilter, type TimeRange, WAIT_KINDS } from '../../topology/read-model/lists.ts'
import { RUN_STATUSES } from '../../topology/read-model/port.ts'
import { API } from '../api/index.ts'
import { tenantOf } from './context.ts'
import type { Edge } from './edge.ts'
import { integerOf, oneOf, type Query, queryOf, refuse } from './query.ts'
import { route } from './route.ts'
import { asOfJson, asOfShown, summaryJson } from './run-json.ts'

const FILTERS = [
  'flow',
  'version',
  'status',
  'waiting_for',
  'waiting_step',
  'error_code',
  'accepted_from_ms',
  'accepted_to_ms',
  'finished_from_ms',
  'finished_to_ms',
  'metadata',
] as const
const MAX_METADATA = 8
const LAST_MS = 8_640_000_000_000_000

type FilterQuery = Query<(typeof FILTERS)[number]>

export function registerRunLists(app: FastifyInstance, edge: Edge): void {
  route(app, API.listRuns, (request, reply) => listRuns(edge, request, reply))
  route(app, API.countRuns, (request) => countRuns(edge, request))
}

async function listRuns(edge: Edge, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const query = queryOf(request, [...FILTERS, 'order', 'limit', 'after'])
  const page = await edge.readModel.listRuns({
    filter: filterOf(request, query),
    order: oneOf('order', query.order, ['newest', 'oldest'] as const) ?? 'newest',
    limit: integerOf('limit', query.limit, 1, 1000, 50),
    cursor: query.after ?? null,
  })
  const runs = page.runs.map(summaryJson).join(',')
  const rest = `"next":${JSON.stringify(page.next)},"cut_short":${page.cutShort},"as_of":${asOfJson(page.asOf)}`
  return reply.type('application/json; charset=utf-8').send(`{"runs":[${runs}],${rest}}`)
}

async function countRuns(edge: Edge, request: FastifyRequest): Promise<object> {
  const { counts, complete, asOf } = await edge.readModel.countRuns(filterOf(request, queryOf(request, FILTERS)))
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
  return { counts, total, complete, as_of: asOfShown(asOf) }
}

function filterOf(request: FastifyRequest, query: FilterQuery): RunFilter {
  return {
    tenant: tenantOf(request),
    flow: query.flow ?? null,
    version: query.version === undefined ? null : integerOf('version', query.version, 1, 1_000_000_000, 1),
    status: oneOf('status', query.status, RUN_STATUSES),
    waitingFor: oneOf('waiting_for', query.waiting_for, WAIT_KINDS),
    waitingStep: stepOf(query.waiting_step),
    errorCode: query.error_code ?? null,
    accepted: rangeOf(query, 'accepted'),
    finished: rangeOf(query, 'finished'),
    metadata: metadataOf(query.metadata),
  }
}

function stepOf(text: string | undefined): RunFilter['waitingStep'] {
  if (text === undefined) return null
  if (isStepId(text)) return text
  return refuse('waiting_step', `'waiting_step' is ${JSON.stringify(text.slice(0, 100))}; expected the id of a step`)
}

function rangeOf(query: FilterQuery, what: 'accepted' | 'finished'): TimeRange | null {
  const fromMs = instantOf(`${what}_from_ms`, query[`${what}_from_ms`])
  const toMs = instantOf(`${what}_to_ms`, query[`${what}_to_ms`])
  return fromMs === null && toMs === null ? null : { fromMs, toMs }
}

function instantOf(name: string, text: string | undefined): EpochMs | null {
  return text === undefined ? null : integerOf(name, text, 0, LAST_MS, 0)
}

/** `key:value,key:value`; a comma, colon or backslash that belongs to one of them has a backslash before it. */
function metadataOf(text: string | undefined): RunFilter['metadata'] {
  if (text === undefined) return []
  const pairs = splitAt(text, ',').map((pair) => {
    const [key, value, ...more] = splitAt(pair, ':').map((part) => part.replaceAll(/\\([\s\S])/g, '$1'))
    if (key !== undefined && key !== '' && value !== undefined && more.length === 0) return { key, value }
    return refuse('metadata', `'metadata' has ${JSON.stringify(pair.slice(0, 100))}; expected key:value`)
  })
  if (pairs.length <= MAX_METADATA) return pairs
  return refuse('metadata', `'metadata' has ${pairs.length} fields; expected at most ${MAX_METADATA}`)
}

/** At separators that have no backslash before them; the parts keep their backslashes. */
function splitAt(text: string, separator: ',' | ':'): readonly string[] {
  const parts: string[] = ['']
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!
    if (char === separator) parts.push('')
    else if (char === '\\') parts.push(`${parts.pop()!}${char}${text[++at] ?? ''}`)
    else parts.push(`${parts.pop()!}${char}`)
  }
  return parts
}
