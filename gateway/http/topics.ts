/** `/api/v1/topics`: what is in the log, decoded. For operators and for trying things; there is no authentication yet. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { didYouMean } from '../../schemas/flow/nearest.ts'
import { homeOf, isRunId } from '../../schemas/ids.ts'
import { isTopic, TOPICS, type Topic } from '../../schemas/topics.ts'
import type { LogReader, LogRecord, ReadFrom } from '../../topology/log/port.ts'
import { API } from '../api/index.ts'
import { RequestError } from '../errors.ts'
import type { Edge } from './edge.ts'
import { durationOf, integerOf, type Query, queryOf, refuse } from './query.ts'
import { recordShown } from './record-json.ts'
import { route } from './route.ts'

const MAX_TAIL_WAIT_MS = 60_000
/** Without a wait the reader still gets a moment, since what it has to read may lie on disk. */
const READ_PATIENCE_MS = 1_000
const LOOK_AGAIN_MS = 20
/** Records of one answer, whether they pass the filter or not. */
const MAX_LOOKED_AT = 10_000
const BATCH = 500
const MAX_TEXT = 256
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/

const PARAMETERS = ['partition', 'from', 'limit', 'wait', 'key', 'kind', 'contains'] as const
type TailQuery = Query<(typeof PARAMETERS)[number]>

export function registerTopics(app: FastifyInstance, edge: Edge): void {
  route(app, API.readTopic, (request) => tail(edge, request))
  route(app, API.listTopics, () => list(edge))
}

async function list({ log, environment }: Edge): Promise<object> {
  const partitions = (await log.describe()).map((info) => ({
    topic: info.topic,
    partition: info.partition,
    first_offset: info.firstOffset,
    next_offset: info.nextOffset,
    committed_offset: info.committedOffset,
    lag: info.committedOffset === null ? null : Math.max(0, info.nextOffset - info.committedOffset),
  }))
  return { partitions, at_ms: environment.now() }
}

interface Tail {
  readonly limit: number
  readonly waitMs: number
  /** Of the partition when it was asked. */
  readonly end: number
  readonly passes: (record: LogRecord, shown: () => object) => boolean
}

/** Records of one partition from an offset, a time or an end on; with `wait`, for new ones if there are none. */
async function tail(edge: Edge, request: FastifyRequest): Promise<object> {
  const query = queryOf(request, PARAMETERS)
  const topic = topicParameter(request)
  const partition = partitionOf(edge, query)
  const limit = integerOf('limit', query.limit, 1, 1000, 100)
  const waitMs = durationOf('wait', query.wait, MAX_TAIL_WAIT_MS)
  const passes = filterOf(query)
  const from = fromOf(query.from)
  const info = (await edge.log.describe()).find((entry) => entry.topic === topic && entry.partition === partition)
  const end = info?.nextOffset ?? 0
  const reader = edge.log.read(topic, partition, from)
  try {
    const { records, nextOffset, lookedAt } = await collect(edge, reader, { limit, waitMs, end, passes })
    return { topic, partition, records, next_offset: nextOffset, end_offset: end, looked_at: lookedAt }
  } finally {
    reader.close()
  }
}

async function collect(edge: Edge, reader: LogReader, { limit, waitMs, end, passes }: Tail) {
  const records: object[] = []
  let lookedAt = 0
  let late = false
  const cancel = edge.environment.after(Math.max(waitMs, READ_PATIENCE_MS), () => {
    late = true
    reader.close()
  })
  let nextOffset = reader.position
  try {
    while (!late && lookedAt < MAX_LOOKED_AT) {
      const mayWait = waitMs > 0 && records.length === 0
      if (reader.position >= end && !mayWait) break
      const batch = await reader.next(Math.min(BATCH, MAX_LOOKED_AT - lookedAt))
      // it has moved on over what is no record, or the log was closed
      if (batch.length === 0 && !late) await new Promise<void>((go) => edge.environment.after(LOOK_AGAIN_MS, go))
      nextOffset = batch.length === 0 ? Math.max(nextOffset, reader.position) : nextOffset
      for (const record of batch) {
        lookedAt++
        nextOffset = record.offset + 1
        let made: object | null = null
        const shown = (): object => {
          made ??= recordShown(record)
          return made
        }
        if (passes(record, shown)) records.push(shown())
        if (records.length === limit) return { records, nextOffset, lookedAt }
      }
    }
  } finally {
    cancel()
  }
  return { records, nextOffset, lookedAt }
}

/** Keys of records about runs are the ids of those, which say where they lie. */
function partitionOf({ log }: Edge, { partition, key }: TailQuery): number {
  const fallback = key !== undefined && isRunId(key) ? homeOf(key, log.partitions) : 0
  return integerOf('partition', partition, 0, log.partitions - 1, fallback)
}

function filterOf({ key, kind, contains }: TailQuery): Tail['passes'] {
  if (contains !== undefined && (contains === '' || contains.length > MAX_TEXT)) {
    refuse('contains', `'contains' has ${contains.length} characters; expected 1 to ${MAX_TEXT}`)
  }
  return (record, shown) => {
    if (key !== undefined && record.key !== key) return false
    if (kind !== undefined && (shown() as { readonly kind?: string }).kind !== kind) return false
    return contains === undefined || valueText(shown()).includes(contains)
  }
}

function valueText(shown: object): string {
  const { value, text } = shown as { readonly value?: unknown; readonly text?: string }
  return text ?? JSON.stringify(value ?? '')
}

/** The topic that the path names. @throws {RequestError} */
export function topicParameter(request: FastifyRequest): Topic {
  const { topic } = request.params as { readonly topic: string }
  if (isTopic(topic)) return topic
  const expected = `expected ${TOPICS.join(', ')}`
  const name = JSON.stringify(topic.slice(0, 100))
  throw new RequestError('not_found', `there is no topic ${name}${didYouMean(topic, TOPICS)}; ${expected}`)
}

function fromOf(text: string | undefined): ReadFrom {
  if (text === undefined || text === 'first') return 'first'
  if (text === 'end') return 'end'
  if (/^\d{1,15}$/.test(text)) return { offset: Number(text) }
  const timeMs = INSTANT.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(timeMs)) return { timeMs }
  const expected = 'first, end, an offset or an instant such as 2026-01-31T12:00:00Z'
  return refuse('from', `'from' is ${JSON.stringify(text.slice(0, 100))}; expected ${expected}`)
}
