import type { FastifyRequest } from 'fastify'
import { RequestError } from '../errors.ts'

/** Printable characters, as in a header. */
const FORM = /^[\x21-\x7e]+$/

/** `Idempotency-Key`, or `null`. @throws {RequestError} for one that is none */
export function idempotencyKeyOf(request: FastifyRequest, maxLength: number): string | null {
  const given = request.headers['idempotency-key']
  if (given === undefined) return null
  if (typeof given === 'string' && given.length <= maxLength && FORM.test(given)) return given
  const shown = JSON.stringify(String(given).slice(0, 100))
  const message = `Idempotency-Key is ${shown}; expected 1 to ${maxLength} printable characters without spaces`
  throw new RequestError('invalid_request', message, { details: { code: 'INVALID_HEADER', path: 'Idempotency-Key' } })
}
