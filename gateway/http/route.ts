/** Routes are registered with their description, which the interface's document is made of. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Operation } from '../api/operation.ts'
import { RequestError } from '../errors.ts'
import { queryOf } from './query.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether the process that this is the gateway of is being stopped. */
    isStopping(): boolean
  }
  interface FastifyContextConfig {
    readonly operation?: Operation
  }
}

export interface RouteOptions {
  readonly bodyLimit?: number
  readonly exposeHeadRoute?: boolean
}

export type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown

/** Nothing is compiled of the description: bodies and parameters are read by those who answer, who can say better what is wrong. */
export function route(app: FastifyInstance, operation: Operation, handler: Handler, options: RouteOptions = {}): void {
  const { method, path, query = {}, tag } = operation
  const names = Object.keys(query)
  const takesWork = method !== 'GET'
  // who asks whether the process lives may put anything behind it
  const checked: Handler =
    tag === 'status'
      ? handler
      : (request, reply) => {
          if (takesWork && app.isStopping()) refuseWork(reply)
          queryOf(request, names)
          return handler(request, reply)
        }
  app.route({ method, url: path, ...options, config: { operation }, handler: checked })
}

/** What runs is brought to an end, so questions are still answered; new work would only be left behind. */
function refuseWork(reply: FastifyReply): never {
  reply.header('connection', 'close')
  throw new RequestError('unavailable', 'this process is stopping; ask another one, or again', { retryAfterS: 2 })
}
