/** `POST /api/v1/topics/:topic/records`: records as any producer would append them, or checked first. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { parseSubmission, type SubmissionContext, SubmissionError } from '../../schemas/codec/ingest-json.ts'
import type { Topic } from '../../schemas/topics.ts'
import type { OutRecord } from '../../topology/log/port.ts'
import { API } from '../api/index.ts'
import { RequestError } from '../errors.ts'
import { type Line, linesOf } from '../lines.ts'
import { positionText } from '../out-record.ts'
import { inputProblem, invalidInput, notAdmitted, unknownFlow } from '../submit-run.ts'
import { tenantOf } from './context.ts'
import type { Edge } from './edge.ts'
import { idempotencyKeyOf } from './idempotency-key.ts'
import { oneOf, queryOf } from './query.ts'
import { route } from './route.ts'
import { contextOfSubmission } from './submission-context.ts'
import { topicParameter } from './topics.ts'

/** Lines of one request. */
const MAX_LINES = 10_000
const BODY_LIMIT_BYTES = 16 << 20
/** A line's number is put behind it. */
const MAX_KEY_LENGTH = 240

export function registerTopicPublish(app: FastifyInstance, edge: Edge): void {
  route(app, API.publishRecords, (request) => publish(edge, request), { bodyLimit: BODY_LIMIT_BYTES })
}

/** Only lines that cannot be appended are answered with an error, and those that a check refuses. */
async function publish(edge: Edge, request: FastifyRequest): Promise<object> {
  const query = queryOf(request, ['check'])
  checkWritable(topicParameter(request))
  const checks = oneOf('check', query.check, ['true', 'false'] as const) === 'true'
  const key = idempotencyKeyOf(request, MAX_KEY_LENGTH)
  const context = contextOfSubmission(edge, request, null)
  const lines = linesOf(request.body, MAX_LINES)
  const admitted = edge.admission(lines.length)
  if (!admitted.admit) throw notAdmitted(admitted)
  const tenant = request.headers['x-tenant-id'] === undefined ? null : tenantOf(request)
  const problems = new Map(lines.map((line) => [line.number, problemOf(edge, line, checks ? context : null)]))
  const taken = lines.filter(({ number }) => problems.get(number) === null)
  const records = taken.map((line) => rawRecord(edge, line, headersOf(tenant, key, line.number)))
  const positions = await edge.log.append(records)
  const places = new Map(taken.map((line, index) => [line.number, positionText(positions[index]!)]))
  return {
    appended: taken.length,
    refused: lines.length - taken.length,
    records: lines.map(({ number }) => {
      const position = places.get(number)
      return position === undefined ? { line: number, error: problems.get(number) } : { line: number, position }
    }),
  }
}

/** Everything else is written by tasks and executors alone: a record of somebody else would break what they rely on. */
function checkWritable(topic: Topic): void {
  if (topic === 'ingest') return
  const message = `topic '${topic}' is not for publishing; expected 'ingest'`
  throw new RequestError('topic_not_writable', message, { details: { topic, expected: ['ingest'] } })
}

function problemOf(edge: Edge, { bytes }: Line, context: SubmissionContext | null): string | null {
  const limit = edge.options.bodyLimitBytes
  if (bytes.length > limit) return `the line has ${bytes.length} bytes; expected at most ${limit}`
  if (context === null) return null
  try {
    const record = parseSubmission(bytes, context)
    const known = edge.definitions.flow(record.tenant, record.flow, record.version)
    if (known === undefined) return unknownFlow(edge.definitions, record).message
    const problem = inputProblem(known.compiled, record.input)
    return problem === null ? null : invalidInput(record.flow, problem).message
  } catch (error) {
    if (error instanceof SubmissionError) return error.message
    throw error
  }
}

/** With a key, the same request again makes no second run of a line. */
function headersOf(tenant: string | null, key: string | null, line: number): OutRecord['headers'] {
  if (tenant === null && key === null) return null
  return {
    ...(tenant === null ? {} : { tenant_id: tenant }),
    ...(key === null ? {} : { idempotency_key: `${key}/${line}` }),
  }
}

function rawRecord({ environment, log }: Edge, { bytes }: Line, headers: OutRecord['headers']): OutRecord {
  const partition = environment.randomU32() % log.partitions
  return { topic: 'ingest', partition, key: null, value: bytes, headers, handled: false, message: null }
}
