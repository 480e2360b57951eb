/** Routes that need the routing of the older system, which is not here yet: 501, after the same checks as the others. */
import type { FastifyInstance } from 'fastify'
import { RequestError } from '../errors.ts'
import { route } from '../http/route.ts'
import { NOT_BUILT } from './api-not-built.ts'
import { ABUSE_MAX_BYTES } from './guard.ts'

export function registerNotBuilt(app: FastifyInstance): void {
  for (const operation of Object.values(NOT_BUILT)) {
    route(
      app,
      operation,
      () => {
        const message = `${operation.method} ${operation.path} is not implemented: ${operation.description}`
        throw new RequestError('not_implemented', message, {
          details: { method: operation.method, path: operation.path },
        })
      },
      { bodyLimit: ABUSE_MAX_BYTES },
    )
  }
}
