/** `POST /api/v1/runs/batch`: a submission a line, an answer a line, in the same order. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { API } from '../api/index.ts'
import { linesOf } from '../lines.ts'
import type { LineAnswer } from '../submit-batch.ts'
import type { Edge } from './edge.ts'
import { errorFields } from './error-answer.ts'
import { idempotencyKeyOf } from './idempotency-key.ts'
import { queryOf } from './query.ts'
import { route } from './route.ts'
import { contextOfSubmission } from './submission-context.ts'

export const MAX_BATCH_LINES = 10_000
export const BATCH_BODY_LIMIT_BYTES = 32 << 20
/** A line's number is put behind it. */
const MAX_KEY_LENGTH = 240

export function registerRunsBatch(app: FastifyInstance, edge: Edge): void {
  const options = { bodyLimit: BATCH_BODY_LIMIT_BYTES }
  route(app, API.submitRuns, (request, reply) => postBatch(edge, request, reply), options)
}

async function postBatch(edge: Edge, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  queryOf(request, [])
  const answers = await edge.submitBatch(linesOf(request.body, MAX_BATCH_LINES), {
    context: contextOfSubmission(edge, request, null),
    idempotencyKey: idempotencyKeyOf(request, MAX_KEY_LENGTH),
    lineLimitBytes: edge.options.bodyLimitBytes,
  })
  return reply.type('application/x-ndjson; charset=utf-8').send(answers.map(lineText).join(''))
}

function lineText(answer: LineAnswer): string {
  if ('error' in answer) {
    return `${JSON.stringify({ line: answer.line, status: 'refused', error: errorFields(answer.error) })}\n`
  }
  const { runId, position, repeated } = answer.submitted
  return `{"line":${answer.line},"status":"accepted","run_id":"${runId}","position":"${position}","repeated":${repeated}}\n`
}
