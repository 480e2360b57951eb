/** The older gateway's surface, so that its clients need not notice that it is gone. See docs/older-gateway.md. */
import type { FastifyInstance } from 'fastify'
import { knownFailure } from '../errors.ts'
import { contextOf } from '../http/context.ts'
import type { Edge } from '../http/edge.ts'
import { registerDecide } from './decide.ts'
import { guard } from './guard.ts'
import { registerMessageStream } from './message-stream.ts'
import { registerMessages } from './messages.ts'
import { registerMessageLists } from './messages-listed.ts'
import { registerNotBuilt } from './not-built.ts'
import { olderSettings } from './options.ts'
import { registerRegistryBlocks } from './registry-blocks.ts'

export function registerOlder(app: FastifyInstance, edge: Edge): void {
  const settings = olderSettings(edge.options.older)
  void app.register(async (older) => {
    guard(older, edge, settings)
    logRefusals(older, edge)
    registerDecide(older, edge, settings)
    registerMessages(older, edge, settings)
    registerMessageLists(older, edge)
    registerMessageStream(older, edge, settings)
    registerRegistryBlocks(older, edge)
    registerNotBuilt(older)
  })
}

/** The lower, the sooner it is the one error that is answered. */
const LEVELS: { readonly [code: string]: number } = { rate_limit_exceeded: 1, unauthorized: 2, service_overloaded: 5 }

function logRefusals(app: FastifyInstance, { environment, logger }: Edge): void {
  app.addHook('onError', (request, _reply, error, done) => {
    const failure = knownFailure(error)
    if (failure !== null) {
      const level = LEVELS[failure.code] ?? (failure.status >= 500 ? 6 : failure.intakeErrorCode === null ? 3 : 4)
      const fields = {
        component: 'gateway',
        gateway_error_code: failure.code,
        intake_error_code: failure.intakeErrorCode,
        conflict_priority_level: level,
        ...contextOf(request, environment),
      }
      logger.info(fields, failure.message)
    }
    done()
  })
}
