/** Every error in the one form: `{ok: false, error: {code, message, details}, context: {request_id, trace_id, tenant_id}}`. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Environment } from '../../topology/environment.ts'
import { knownFailure, RequestError } from '../errors.ts'
import type { Logger } from '../ports.ts'
import { contextOf } from './context.ts'

/** Some messages of the framework hold the whole address. */
const MAX_MESSAGE = 300

export function answerError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  environment: Environment,
  logger: Logger,
): void {
  const known = knownFailure(error) ?? frameworkError(error, request.routeOptions.bodyLimit)
  const failure =
    known ?? new RequestError('internal', 'something went wrong here; the log has the details under the request id')
  const context = contextOf(request, environment)
  const fields = {
    component: 'gateway',
    error_code: failure.code,
    ...context,
    method: request.method,
    url: request.url,
  }
  if (known === null) logger.error({ ...fields, error }, 'a request failed')
  else if (failure.status >= 500 && failure.code !== 'not_implemented')
    logger.warn({ ...fields, error: failure.cause ?? null }, failure.message)
  if (failure.retryAfterS !== null) reply.header('retry-after', String(failure.retryAfterS))
  if (failure.code === 'rate_limit_exceeded') limitHeaders(reply, failure, environment)
  reply
    .code(failure.status)
    .type('application/json; charset=utf-8')
    .send(JSON.stringify({ ok: false, error: errorFields(failure), context }))
}

/** What the older gateway's clients look at. */
function limitHeaders(reply: FastifyReply, { details, retryAfterS }: RequestError, environment: Environment): void {
  const reset = Math.ceil(environment.now() / 1000) + (retryAfterS ?? 1)
  if (typeof details.limit === 'number') reply.header('x-ratelimit-limit', String(details.limit))
  reply.header('x-ratelimit-remaining', '0').header('x-ratelimit-reset', String(reset))
}

export function errorFields({ code, message, details, intakeErrorCode }: RequestError): object {
  return { code, message, ...(intakeErrorCode === null ? {} : { intake_error_code: intakeErrorCode }), details }
}

/** What Fastify refuses before a route sees the request. */
function frameworkError(error: unknown, bodyLimit: number | undefined): RequestError | null {
  const { code = '', statusCode, message = '' } = error as { code?: string; statusCode?: number; message?: string }
  const details = { code }
  if (statusCode === 413) {
    const expected = bodyLimit === undefined ? '' : `; expected at most ${bodyLimit} bytes`
    return new RequestError('payload_too_large', `the body is too large${expected}`, { details })
  }
  if (statusCode === 415) return new RequestError('unsupported_media_type', message, { details })
  if (statusCode === 503) return new RequestError('unavailable', message, { details, retryAfterS: 5 })
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new RequestError('invalid_request', message.slice(0, MAX_MESSAGE), { details })
  }
  return null
}
