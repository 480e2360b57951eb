/** The HTTP gateway: validates, appends, answers; reads the read model; never touches task state. */
import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify'
import { createBulkOperations } from '../bulk-operations.ts'
import { createDeadLetterCommands } from '../dead-letter-commands.ts'
import { Definitions } from '../definitions.ts'
import { knownFailure, RequestError } from '../errors.ts'
import { LiveEvents } from '../live/live-events.ts'
import { registerOlder } from '../older/register.ts'
import { DEFAULT_OPTIONS, type GatewayDependencies } from '../ports.ts'
import { Publisher } from '../publish.ts'
import { Replies } from '../replies.ts'
import { createBatchSubmitter } from '../submit-batch.ts'
import { createSubmitter } from '../submit-run.ts'
import { withWholePayloads } from '../whole-payloads.ts'
import { registerBlobs } from './blobs.ts'
import { registerBulkOperations } from './bulk-operations.ts'
import { answerClientError } from './client-error.ts'
import { registerDeadLetters } from './dead-letters.ts'
import { registerDescription } from './description.ts'
import type { Edge } from './edge.ts'
import { answerError } from './error-answer.ts'
import { registerFlowVersions } from './flow-versions.ts'
import { registerFlows } from './flows.ts'
import { registerHealth } from './health.ts'
import { acceptBodies } from './media-types.ts'
import { methodsAt } from './methods.ts'
import { observeRequests } from './observe.ts'
import { registerRunEvents } from './run-events.ts'
import { registerRunTimeline } from './run-timeline.ts'
import { registerRuns } from './runs.ts'
import { registerRunsAgain } from './runs-again.ts'
import { registerRunsBatch } from './runs-batch.ts'
import { registerRunLists } from './runs-list.ts'
import { registerStream } from './stream.ts'
import { registerTenants } from './tenants.ts'
import { registerTopicPublish } from './topic-publish.ts'
import { registerTopics } from './topics.ts'
import { traceRequests } from './trace.ts'
import { withoutBodiesWhile } from './unread-bodies.ts'
import { registerWorkers } from './workers.ts'

export interface Gateway {
  /** For tests (`inject`) and for routes that others add before `listen`. */
  readonly app: FastifyInstance
  readonly live: LiveEvents
  /** Resolves with the base address. @throws {Error} with `code` `EADDRINUSE` when the port is taken */
  listen(host: string, port: number): Promise<string>
  /** Serves on the socket that it was given as `front`, once it knows what there is. */
  serve(): Promise<void>
  /** Takes no new requests, answers those in progress, then stops reading the log. */
  close(): Promise<void>
}

/** For requests in progress when the gateway is closed; then their connections are cut. */
const CLOSE_GRACE_MS = 5_000

/** Begins to read `control` and `replies` at once, so that it knows what there is when it listens. */
export function createGateway(given: GatewayDependencies): Gateway {
  const { blobs } = given
  const dependencies =
    blobs === undefined ? given : { ...given, readModel: withWholePayloads(given.readModel, blobs.payloads) }
  const options = { ...DEFAULT_OPTIONS, ...dependencies.options }
  const { log, environment, logger, admission, front } = dependencies
  const definitions = new Definitions(log, environment, logger)
  const replies = new Replies(log, environment, logger, {
    partition: options.repliesPartition,
    timeoutMs: options.replyTimeoutMs,
    maxWaiting: options.maxWaiting,
  })
  const waits = boundedAwait(dependencies, options.maxWaiting)
  const submitting = { log, environment, definitions, replies, admission }
  const deadLetters = createDeadLetterCommands(log, replies)
  const edge: Edge = {
    ...dependencies,
    options,
    definitions,
    replies,
    publisher: new Publisher(log, replies, definitions, given.blockTypes),
    submit: createSubmitter(submitting),
    submitBatch: createBatchSubmitter(submitting),
    deadLetters,
    bulk: createBulkOperations({ log, replies, environment, readModel: dependencies.readModel, deadLetters }),
    live: new LiveEvents({ ...dependencies, options: options.live }),
    awaitRun: waits.awaitRun,
  }
  const app = createApp(edge)
  let closed = false
  return {
    app,
    live: edge.live,
    async listen(host, port) {
      await definitions.current()
      return app.listen({ host, port, backlog: 1024 })
    },
    async serve() {
      await insist(
        () => definitions.current(),
        dependencies,
        () => closed,
      )
      await app.ready()
      front?.serve(withoutBodiesWhile(() => app.isStopping(), app.routing))
    },
    async close() {
      closed = true
      waits.end()
      const ended = app.close()
      // a connection whose last answer is just done is not idle yet when Fastify looks for idle ones
      const cancelCut = environment.after(CLOSE_GRACE_MS, () => app.server.closeAllConnections())
      await (front === undefined ? ended : front.close(CLOSE_GRACE_MS))
      cancelCut()
      replies.close()
      await ended
      definitions.close()
    },
  }
}

function createApp(edge: Edge): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: edge.options.bodyLimitBytes,
    forceCloseConnections: 'idle',
    requestIdHeader: false,
    genReqId: () => '',
    routerOptions: { maxParamLength: 256 },
    frameworkErrors: (error, request, reply) => answerError(error, request, reply, edge.environment, edge.logger),
    // a front answers these itself, also while there is no gateway
    clientErrorHandler: edge.front === undefined ? answerClientError : () => {},
    ...(edge.front === undefined ? {} : { serverFactory: () => edge.front!.server }),
  })
  app.addHook('onReady', () => edge.replies.ready)
  app.decorate('isStopping', edge.isStopping ?? (() => false))
  acceptBodies(app)
  const recent = observeRequests(app, edge.metrics, edge.environment)
  traceRequests(app, edge.tracing, edge.environment)
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, edge.environment, edge.logger))
  app.setNotFoundHandler((request, reply) => {
    const methods = methodsAt(request.url)
    if (methods.length > 0) reply.header('allow', methods.join(', '))
    if (methods.length > 0 && request.method === 'OPTIONS') return reply.code(204).send()
    return answerError(noRoute(request, methods), request, reply, edge.environment, edge.logger)
  })
  registerRuns(app, edge)
  registerRunsBatch(app, edge)
  registerRunLists(app, edge)
  registerRunTimeline(app, edge)
  registerRunsAgain(app, edge)
  registerRunEvents(app, edge)
  registerStream(app, edge)
  registerFlows(app, edge)
  registerFlowVersions(app, edge)
  registerTenants(app, edge)
  registerDeadLetters(app, edge)
  registerBulkOperations(app, edge)
  registerBlobs(app, edge)
  registerTopics(app, edge)
  registerTopicPublish(app, edge)
  registerWorkers(app, edge)
  registerHealth(app, edge, recent)
  registerOlder(app, edge)
  registerDescription(app)
  return app
}

function noRoute({ method, url }: FastifyRequest, methods: readonly string[]): RequestError {
  const what = `${method} ${url.slice(0, 200)}`
  if (methods.length === 0) return new RequestError('not_found', `there is no route ${what}; /docs lists all`)
  return new RequestError('method_not_allowed', `there is no route ${what}; expected ${methods.join(', ')}`, {
    details: { methods },
  })
}

const RETRY_MS = 500

/** The log may be out of reach for a while. */
async function insist(
  attempt: () => Promise<void>,
  { environment, logger }: GatewayDependencies,
  isClosed: () => boolean,
): Promise<void> {
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (isClosed() || knownFailure(error)?.status !== 503) throw error
      logger.warn({ component: 'gateway', error }, 'the definitions cannot be read yet; trying again')
      await new Promise<void>((resolve) => environment.after(RETRY_MS, resolve))
    }
  }
}

interface BoundedWaits {
  readonly awaitRun: Edge['awaitRun']
  /** Answers all who wait, as things are. */
  end(): void
}

function boundedAwait({ readModel }: GatewayDependencies, maxWaiting: number): BoundedWaits {
  const waiting = new Set<AbortController>()
  let ended = false
  return {
    async awaitRun(tenant, runId, waitMs, gone) {
      // The run is accepted already: who cannot wait here gets that answer at once.
      if (ended || waiting.size >= maxWaiting) return null
      const enough = new AbortController()
      waiting.add(enough)
      const giveUp = (): void => enough.abort()
      if (gone.aborted) giveUp()
      gone.addEventListener('abort', giveUp, { once: true })
      try {
        return await readModel.awaitRun(tenant, runId, waitMs, enough.signal)
      } finally {
        waiting.delete(enough)
        gone.removeEventListener('abort', giveUp)
      }
    },
    end() {
      ended = true
      for (const enough of waiting) enough.abort()
    },
  }
}
