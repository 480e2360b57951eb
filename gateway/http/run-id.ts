import type { FastifyRequest } from 'fastify'
import { isRunId, type RunId } from '../../schemas/ids.ts'
import { RequestError } from '../errors.ts'

/** The run id of the path. @throws {RequestError} for one that is none */
export function runIdOf(request: FastifyRequest): RunId {
  return checkRunId((request.params as { readonly run_id: string }).run_id)
}

/** @throws {RequestError} */
export function checkRunId(given: string): RunId {
  if (isRunId(given)) return given
  const shown = JSON.stringify(given.length > 100 ? `${given.slice(0, 100)}...` : given)
  const expected = 'a lower-case UUID of version 8, such as 4b1d9f0e-5c1a-8f00-9b1a-0123456789ab'
  throw new RequestError('invalid_request', `${shown} is no run id; expected ${expected}`, {
    details: { code: 'INVALID_RUN_ID', path: 'run_id' },
  })
}
