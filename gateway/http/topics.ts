/** `/api/v1/topics`: raw records in, decoded records out. For operators and for trying things; there is no authentication yet. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { didYouMean } from '../../schemas/flow/nearest.ts'
import { isTopic, TOPICS, type Topic } from '../../schemas/topics.ts'
import type { LogReader, LogRecord, OutRecord, ReadFrom } from '../../topology/log/port.ts'
import { API } from '../api/index.ts'
import { RequestError } from '../errors.ts'
import { linesOf } from '../lines.ts'
import { positionText } from '../out-record.ts'
import { tenantOf } from './context.ts'
import type { Edge } from './edge.ts'
import { durationOf, integerOf, queryOf, refuse } from './query.ts'
import { recordShown } from './record-json.ts'
import { route } from './route.ts'

/** Lines of one request. */
const MAX_LINES = 10_000
const PRODUCE_BODY_LIMIT_BYTES = 16 << 20
const MAX_TAIL_WAIT_MS = 60_000

export function registerTopics(app: FastifyInstance, edge: Edge): void {
  const options = { bodyLimit: PRODUCE_BODY_LIMIT_BYTES }
  route(app, API.publishRecords, (request) => produce(edge, request), options)
  route(app, API.readTopic, (request) => tail(edge, request))
  route(app, API.listTopics, async () => ({ partitions: await describe(edge) }))
}

/** Appends each line as a record, unread, as any producer would; only lines that cannot be appended are answered with an error. */
async function produce(edge: Edge, request: FastifyRequest): Promise<object> {
  checkWritable(topicParameter(request))
  const admitted = edge.admission()
  if (!admitted.admit) {
    const code = admitted.status === 429 ? 'rate_limit_exceeded' : 'service_overloaded'
    throw new RequestError(code, admitted.reason, { retryAfterS: admitted.retryAfterS })
  }
  const headers = request.headers['x-tenant-id'] === undefined ? null : { tenant_id: tenantOf(request) }
  const lines = linesOf(request.body, MAX_LINES)
  const taken = lines.filter((line) => line.bytes.length <= edge.options.bodyLimitBytes)
  const positions = await edge.log.append(taken.map(({ bytes }) => rawRecord(bytes, somePartition(edge), headers)))
  const places = new Map(taken.map((line, index) => [line.number, positionText(positions[index]!)]))
  const limit = edge.options.bodyLimitBytes
  return {
    appended: taken.length,
    refused: lines.length - taken.length,
    records: lines.map(({ number, bytes }) => {
      const position = places.get(number)
      if (position !== undefined) return { line: number, position }
      return { line: number, error: `the line has ${bytes.length} bytes; expected at most ${limit}` }
    }),
  }
}

function somePartition({ environment, log }: Edge): number {
  return environment.randomU32() % log.partitions
}

function rawRecord(value: Uint8Array, partition: number, headers: OutRecord['headers']): OutRecord {
  return { topic: 'ingest', partition, key: null, value, headers, handled: false, message: null }
}

/** Records of one partition from an offset on; with `wait`, for new ones if there are none. */
async function tail(edge: Edge, request: FastifyRequest): Promise<object> {
  const query = queryOf(request, ['partition', 'from', 'limit', 'wait'])
  const topic = topicParameter(request)
  const partition = integerOf('partition', query.partition, 0, edge.log.partitions - 1, 0)
  const limit = integerOf('limit', query.limit, 1, 1000, 100)
  const waitMs = durationOf('wait', query.wait, MAX_TAIL_WAIT_MS)
  const info = (await edge.log.describe()).find((entry) => entry.topic === topic && entry.partition === partition)
  const end = info?.nextOffset ?? 0
  const reader = edge.log.read(topic, partition, fromOf(query.from))
  try {
    const records = reader.position < end || waitMs > 0 ? await nextWithin(edge, reader, limit, waitMs) : []
    return { topic, partition, records: records.map(recordShown), next_offset: reader.position, end_offset: end }
  } finally {
    reader.close()
  }
}

/** Without a wait the reader still gets a moment, since what it has to read may lie on disk. */
async function nextWithin(edge: Edge, reader: LogReader, limit: number, waitMs: number): Promise<readonly LogRecord[]> {
  const cancel = edge.environment.after(Math.max(waitMs, 1000), () => reader.close())
  try {
    return await reader.next(limit)
  } finally {
    cancel()
  }
}

/** Everything else is written by tasks and executors alone: a record of somebody else would break what they rely on. */
function checkWritable(topic: Topic): void {
  if (topic === 'ingest') return
  const message = `topic '${topic}' is not for publishing; expected 'ingest'`
  throw new RequestError('topic_not_writable', message, { details: { topic, expected: ['ingest'] } })
}

function topicParameter(request: FastifyRequest): Topic {
  return topicOf((request.params as { readonly topic: string }).topic)
}

function topicOf(name: string): Topic {
  if (isTopic(name)) return name
  throw new RequestError(
    'not_found',
    `there is no topic ${JSON.stringify(name.slice(0, 100))}${didYouMean(name, TOPICS)}; expected ${TOPICS.join(', ')}`,
  )
}

function fromOf(text: string | undefined): ReadFrom {
  if (text === undefined || text === 'first') return 'first'
  if (text === 'end') return 'end'
  if (/^\d{1,15}$/.test(text)) return { offset: Number(text) }
  return refuse('from', `'from' is ${JSON.stringify(text.slice(0, 100))}; expected first, end or an offset`)
}

async function describe({ log }: Edge): Promise<readonly object[]> {
  return (await log.describe()).map((info) => ({
    topic: info.topic,
    partition: info.partition,
    first_offset: info.firstOffset,
    next_offset: info.nextOffset,
    committed_offset: info.committedOffset,
  }))
}
