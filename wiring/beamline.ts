/** The one place that wires adapters to ports: a process with the roles it is given, from its first sign of life to its orderly end. */
import { hash as hashOf } from 'node:crypto'
import { availableParallelism, hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { openBlobs } from '../connectors/blobs/open-blobs.ts'
import { realEnvironment as environment } from '../connectors/environment.ts'
import { exampleFlows } from '../connectors/example-flows.ts'
import { createExecutorLog } from '../connectors/logging/executor-log.ts'
import { createLogger, type Logger } from '../connectors/logging/logger.ts'
import { createTaskLog } from '../connectors/logging/task-log.ts'
import { withoutRepeats } from '../connectors/logging/without-repeats.ts'
import { createExecutorMetrics } from '../connectors/metrics/executor-metrics.ts'
import { createGpuMetrics } from '../connectors/metrics/gpu-metrics.ts'
import { createGatewayMetrics, createRegistry } from '../connectors/metrics/metrics.ts'
import { createReadModelMetrics } from '../connectors/metrics/read-model-metrics.ts'
import { createStateMetrics } from '../connectors/metrics/state-metrics.ts'
import { createTaskMetrics } from '../connectors/metrics/task-metrics.ts'
import { type OpenedLog, openLog } from '../connectors/open-log.ts'
import { type OpenedReadModel, openReadModel } from '../connectors/read-model/open-read-model.ts'
import { fileSnapshots } from '../connectors/snapshots/file-snapshots.ts'
import { openTracing } from '../connectors/tracing/tracing.ts'
import { createAdmission } from '../gateway/admission.ts'
import { ROLES, type Role } from '../gateway/config/settings.ts'
import { publishExamples } from '../gateway/examples.ts'
import { registerBlocks } from '../gateway/http/blocks.ts'
import { type Front, openFront } from '../gateway/http/front.ts'
import { createGateway, type Gateway } from '../gateway/http/gateway.ts'
import { statusRoutes } from '../gateway/http/status-routes.ts'
import { registerSchemaRegistry } from '../gateway/schema-registry/routes.ts'
import { describeBlock } from '../processors/execute/blocks/describe.ts'
import { openBlocks } from '../processors/execute/blocks/registry.ts'
import { blockSettingsOf } from '../processors/execute/blocks/settings.ts'
import { stepTypes } from '../processors/execute/blocks/step-types.ts'
import type { Pool } from '../schemas/topics.ts'
import { MAX_BLOB_BYTES } from '../topology/blobs/block-blobs.ts'
import { READ_MODEL_OWNER } from '../topology/blobs/collector.ts'
import { BlobKeeper, KEEP_MS } from '../topology/blobs/keeper.ts'
import { Payloads } from '../topology/blobs/payloads.ts'
import type { Log } from '../topology/log/port.ts'
import { backlogOf } from '../topology/node/backlog.ts'
import { type NodeLoad, sampleLoad } from '../topology/node/load.ts'
import { Node, type PoolRole } from '../topology/node/node.ts'
import { untilReachable } from '../topology/node/until-reachable.ts'
import { eventsAfter } from '../topology/read-model/lag.ts'
import { Intake } from '../topology/task/intake.ts'
import { Turns } from '../topology/task/turns.ts'
import { createTopology } from '../topology/topology.ts'
import type { Tracing } from '../topology/tracing/port.ts'
import type { BeamlineConfig } from './config.ts'
import { countBuffersWithHeap } from './memory.ts'

export interface BeamlineNode {
  readonly log: Log
  readonly node: Node
  /** Base address of the gateway, or of health and metrics; `null` without either. */
  readonly url: string | null
  /** How many example flows were published. */
  readonly published: number
  /** Ends orderly: nothing new is taken, running steps finish (bounded), partitions are handed over, groups are left. */
  close(): Promise<void>
}

const DEFAULT_PARTITIONS = 4
const DEFAULT_GRACE_MS = 30_000
const DEFAULT_CONCURRENCY: Record<Pool, number> = { cpu: 4 * availableParallelism(), io: 256, gpu: 32, external: 1 }
const READY_POLL_MS = 5
/** For requests in progress at the end. */
const FRONT_GRACE_MS = 1_000
/** How old the backlog that admission looks at may be; on Kafka it takes requests to every broker. */
const LOAD_REFRESH_MS = { embedded: 100, kafka: 500 } as const

/**
 * Starts this process's roles; resolves once they are ready. Waits for a cluster that cannot be reached, with `/readyz` saying so.
 * @throws {LogError} e.g. `DATA_FOLDER_IN_USE`, `NOT_AUTHORIZED`; `EADDRINUSE`
 */
export async function startBeamline(config: BeamlineConfig): Promise<BeamlineNode> {
  countBuffersWithHeap()
  const beamline = new Beamline(config)
  try {
    return await beamline.start()
  } catch (error) {
    await beamline.close()
    throw error
  }
}

/** Unique among the processes of the deployment. */
function workerId(): string {
  return `${hostname()}-${process.pid}`
}

class Beamline {
  readonly #config: BeamlineConfig
  readonly #roles: ReadonlySet<Role>
  readonly #logger: Logger
  readonly #registry = createRegistry()
  readonly #metrics = createGatewayMetrics(this.#registry)
  readonly #intake = new Intake(environment)
  readonly #turns = new Turns(environment)
  /** What this process waits for besides its node; `null` once that is done. */
  #waitsFor: string | null = 'the log is being opened'
  #stopping = false
  #node: Node | null = null
  #blocks: PoolRole['blocks'] = []
  #readModel: OpenedReadModel | null = null
  #payloads: Payloads | null = null
  #tracing: Tracing | null = null
  #stopped: Error | null = null
  readonly #ending = new AbortController()
  /** In the order of opening; closed in the reverse. */
  readonly #closers: (() => Promise<void>)[] = []
  #closed: Promise<void> | null = null

  constructor(config: BeamlineConfig) {
    this.#config = config
    this.#roles = new Set(config.roles ?? ROLES)
    this.#logger = config.logger ?? createLogger({ environment, level: 'warn' })
    config.signal?.addEventListener('abort', () => this.#ending.abort(), { once: true })
  }

  async start(): Promise<BeamlineNode> {
    const { healthPort = null, port = 8080, examples = false } = this.#config
    const front = this.#roles.has('gateway') ? await this.#openFront(port) : null
    const health = healthPort === null ? null : await this.#openFront(healthPort)
    await this.#openTracing()
    const opened = await this.#openLog()
    this.#payloads = await this.#openBlobs()
    this.#readModel = await this.#openReadModel(opened)
    const node = await this.#startNode(opened)
    this.#keepBlobs(opened, node)
    const load = sampleLoad(opened.log, node, environment, LOAD_REFRESH_MS[opened.kind])
    const gateway = front === null ? null : this.#createGateway(front, opened, load)
    this.#measureState(opened, node, load, gateway)
    await gateway?.serve()
    this.#waitsFor = null
    if (examples && gateway !== null) this.#waitsFor = 'the example flows are being published'
    await this.#tasksReady()
    const published = examples && gateway !== null ? await this.#publishExamples(gateway) : 0
    this.#waitsFor = null
    while (!this.#isReady()) await this.#pause()
    const url = (front ?? health)?.url ?? null
    return { log: opened.log, node, url, published, close: () => this.close() }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#stopping = true
    this.#ending.abort()
    await this.#node?.drain()
    for (const closer of this.#closers.splice(0).reverse()) await closer()
  }

  #reason(): string | null {
    if (this.#stopping) return 'this process is stopping'
    return this.#waitsFor ?? this.#node?.waitsFor() ?? this.#readModel?.waitsFor() ?? null
  }

  #isReady(): boolean {
    return this.#reason() === null
  }

  async #openFront(port: number): Promise<Front> {
    const host = this.#config.host ?? '127.0.0.1'
    const routes = statusRoutes({ environment, waitsFor: () => this.#reason(), metrics: this.#metrics })
    const front = await openFront(host, port, environment, routes)
    this.#closers.push(() => front.close(FRONT_GRACE_MS))
    return front
  }

  async #openTracing(): Promise<void> {
    const { tracing = null } = this.#config
    if (tracing === null) return
    const opened = await openTracing(tracing, {
      environment,
      instance: workerId(),
      onProblem: this.#problems('tracing'),
    })
    this.#tracing = opened
    this.#closers.push(() => opened.close())
  }

  async #openLog(): Promise<OpenedLog> {
    const { dataFolder, partitions = DEFAULT_PARTITIONS, log: choice = { kind: 'embedded' } } = this.#config
    const onProblem = this.#problems('log')
    const registersSchemas = this.#roles.has('gateway')
    const opened = await this.#insist(() =>
      openLog(choice, { dataFolder, partitions, environment, registersSchemas, onProblem }),
    )
    this.#closers.push(() => opened.close())
    if (opened.kind === 'embedded') opened.log.putOffUpkeepWhile(() => this.#intake.isHot)
    return opened
  }

  async #openBlobs(): Promise<Payloads> {
    const { dataFolder, blobs } = this.#config
    const place = blobs?.place ?? { kind: 'folder', folder: join(dataFolder, 'blobs') }
    const store = await openBlobs(place, environment)
    this.#closers.push(() => store.close())
    return new Payloads(store, {
      ...(blobs?.inlineBytes === undefined ? {} : { inlineBytes: blobs.inlineBytes }),
      ...(blobs?.payloadBytes === undefined ? {} : { maxBytes: blobs.payloadBytes }),
    })
  }

  #problems(component: string): (message: string) => void {
    return withoutRepeats(environment, (message) => this.#logger.warn({ component }, message))
  }

  /** Tries for as long as the cluster cannot be reached. */
  async #insist<T>(attempt: () => Promise<T>): Promise<T> {
    const tell = this.#problems('log')
    const done = await untilReachable({
      environment,
      attempt,
      onFailure: (error) => {
        this.#waitsFor = error.message
        tell(`${error.message}; trying again`)
      },
      signal: this.#ending.signal,
    })
    this.#waitsFor = 'this process is starting'
    return done
  }

  async #openReadModel(opened: OpenedLog): Promise<OpenedReadModel | null> {
    const projects = this.#roles.has('read-model')
    if (!projects && !this.#roles.has('gateway')) return null
    const { dataFolder, readModel = { kind: 'sqlite' } } = this.#config
    const onProblem = this.#problems('read-model')
    const model = await this.#insist(() =>
      openReadModel(readModel, { ...opened, dataFolder, projects, environment, onProblem }),
    )
    this.#closers.push(() => model.readModel.close())
    createReadModelMetrics(this.#registry, model.readModel)
    return model
  }

  async #startNode({ log }: OpenedLog): Promise<Node> {
    const { topology, blocks: settings, graceMs = DEFAULT_GRACE_MS, dataFolder, snapshotFolder } = this.#config
    const given = settings ?? blockSettingsOf(process.env)
    const gpu = { observer: createGpuMetrics(this.#registry, this.#logger), ...given.gpu }
    const blocks = await openBlocks(environment, { ...given, gpu })
    this.#blocks = blocks.blocks
    const pools = this.#poolRoles(blocks.blocks).map((role) =>
      role.pool === 'gpu' ? { ...role, device: blocks.device } : role,
    )
    this.#closers.push(() => blocks.close())
    const metrics = createTaskMetrics(this.#registry, createTaskLog(this.#logger))
    const tracing = this.#tracing
    const payloads = this.#payloads!
    const node = new Node({
      log,
      environment,
      topology: createTopology(topology),
      workerId: workerId(),
      tasks: this.#roles.has('tasks'),
      pools,
      taskObserver: {
        ...metrics,
        committed: (stats) => {
          metrics.committed(stats)
          this.#readModel?.poke()
          this.#config.onCommit?.(stats)
        },
        ...(tracing === null ? {} : { traced: tracing.ended }),
      },
      ...(tracing === null ? {} : { tracing }),
      executorObserver: createExecutorMetrics(this.#registry, createExecutorLog(this.#logger)),
      executorOptions: {
        drainMs: graceMs,
        payloads,
        outputLimitBytes: payloads.maxBytes,
        blobLimitBytes: this.#config.blobs?.maxBytes ?? MAX_BLOB_BYTES,
      },
      taskOptions: {
        intake: this.#intake,
        turns: this.#turns,
        payloads,
        snapshots: fileSnapshots(snapshotFolder ?? join(dataFolder, 'snapshots'), (reason) =>
          this.#logger.warn({}, reason),
        ),
      },
      onTaskStopped: (taskId, error) => {
        this.#logger.error({ task: taskId, error }, 'the task has stopped')
        this.#stopped ??= error
      },
    })
    this.#node = node
    await node.start()
    return node
  }

  /** The read model on Postgres is everybody's, one on SQLite this process's alone. */
  #keepBlobs({ kind, log }: OpenedLog, node: Node): void {
    const { blobs, dataFolder, readModel: choice } = this.#config
    const model = this.#readModel?.readModel
    const own = kind === 'kafka' && choice?.kind !== 'postgres'
    const name = hashOf('sha256', `${hostname()}:${resolve(dataFolder)}`, 'hex').slice(0, 16)
    const owner = own ? `${READ_MODEL_OWNER}-${name}` : READ_MODEL_OWNER
    const keeper = new BlobKeeper({
      log,
      store: this.#payloads!.store,
      environment,
      tasks: () => node.tasks,
      readModel: model === undefined ? null : { model, owner },
      keepMs: blobs?.keepMs ?? KEEP_MS,
      onCollected: ({ removed, waitsFor }) =>
        this.#logger.debug({ component: 'blobs', removed, waits_for: waitsFor }, 'blobs collected'),
      onProblem: this.#problems('blobs'),
    })
    keeper.start()
    this.#closers.push(() => keeper.close())
  }

  #poolRoles(blocks: PoolRole['blocks']): PoolRole[] {
    const pools = (['cpu', 'io', 'gpu'] as const).filter((pool) => this.#roles.has(`execute:${pool}`))
    const { concurrency } = this.#config
    return pools.map((pool) => ({ pool, concurrency: concurrency?.[pool] ?? DEFAULT_CONCURRENCY[pool], blocks }))
  }

  #measureState({ log }: OpenedLog, node: Node, load: () => NodeLoad, gateway: Gateway | null): void {
    createStateMetrics(this.#registry, {
      backlog: () => backlogOf(node.tasks),
      undecided: () => load().undecided,
      readModelLag: async () => {
        const positions = this.#readModel?.readModel.positions()
        return positions === undefined ? null : eventsAfter(positions, await log.describe())
      },
      streamClients: () => gateway?.live.clients ?? 0,
      capacity: Object.fromEntries(this.#poolRoles([]).map(({ pool, concurrency }) => [pool, concurrency])),
    })
  }

  #createGateway(front: Front, { kind, log, subjects }: OpenedLog, load: () => NodeLoad): Gateway {
    const gateway = createGateway({
      log,
      readModel: this.#readModel!.readModel,
      environment,
      logger: this.#logger,
      metrics: this.#metrics,
      admission: createAdmission(log, load, {
        ...this.#config.admission,
        onAdmitted: (undecided, most, submissions) => this.#intake.arrived(undecided, most, submissions),
      }),
      blockTypes: stepTypes(this.#blocks),
      isReady: () => this.#isReady(),
      waitsFor: () => this.#reason(),
      isStopping: () => this.#stopping,
      workersHere: { workerId: workerId(), pools: () => this.#node?.pools ?? [], alone: kind === 'embedded' },
      front,
      blobs: {
        store: this.#payloads!.store,
        payloads: this.#payloads!,
        maxBytes: this.#config.blobs?.maxBytes ?? MAX_BLOB_BYTES,
      },
      ...(this.#config.gateway === undefined ? {} : { options: this.#config.gateway }),
      ...(this.#tracing === null ? {} : { tracing: this.#tracing }),
    })
    this.#closers.push(gateway.close)
    registerBlocks(gateway.app, this.#blocks.map(describeBlock))
    if (subjects !== null) registerSchemaRegistry(gateway.app, subjects)
    return gateway
  }

  /** @throws what stopped a task while it was restored */
  async #tasksReady(): Promise<void> {
    while (this.#node!.waitsFor() !== null) await this.#pause()
  }

  async #pause(): Promise<void> {
    this.#ending.signal.throwIfAborted()
    if (this.#stopped !== null) throw this.#stopped
    await new Promise<void>((resolve) => environment.after(READY_POLL_MS, resolve))
  }

  async #publishExamples(gateway: Gateway): Promise<number> {
    return publishExamples(gateway.app, await exampleFlows(), {
      environment,
      signal: this.#ending.signal,
      onFailure: (message) => {
        this.#waitsFor = message
        this.#logger.warn({ component: 'gateway' }, message)
      },
    })
  }
}
