/** The one place that wires adapters to ports: a whole node in one process, and the command line. */
import { readdir, readFile } from 'node:fs/promises'
import { availableParallelism, hostname } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { realEnvironment as environment } from './connectors/environment.ts'
import { openEmbeddedLog } from './connectors/log-embedded/embedded-log.ts'
import { createExecutorLog } from './connectors/logging/executor-log.ts'
import { createLogger, type Logger } from './connectors/logging/logger.ts'
import { createTaskLog } from './connectors/logging/task-log.ts'
import { createExecutorMetrics } from './connectors/metrics/executor-metrics.ts'
import { createGatewayMetrics, createRegistry } from './connectors/metrics/metrics.ts'
import { createTaskMetrics } from './connectors/metrics/task-metrics.ts'
import { openSqliteReadModel, type SqliteReadModel } from './connectors/read-model/sqlite/sqlite-read-model.ts'
import { fileSnapshots } from './connectors/snapshots/file-snapshots.ts'
import { createAdmission } from './gateway/admission.ts'
import { createGateway, type Gateway } from './gateway/http/gateway.ts'
import { builtInBlocks } from './processors/execute/blocks/registry.ts'
import type { Pool } from './schemas/topics.ts'
import type { Log } from './topology/log/port.ts'
import { sampleLoad } from './topology/node/load.ts'
import { Node, type PoolRole } from './topology/node/node.ts'
import { Intake } from './topology/task/intake.ts'
import type { CommitStats } from './topology/task/observer.ts'
import { createTopology, type TopologyOptions } from './topology/topology.ts'

export interface BeamlineConfig {
  readonly dataFolder: string
  /** Chosen when the folder is created. Default 4. */
  readonly partitions?: number
  /** Default true. */
  readonly gateway?: boolean
  /** Default 127.0.0.1. */
  readonly host?: string
  /** 0: any free port. Default 8080. */
  readonly port?: number
  /** The gateway needs it. Default true. */
  readonly readModel?: boolean
  /** Steps executed at once, by pool. */
  readonly concurrency?: Partial<Record<Pool, number>>
  readonly topology?: TopologyOptions
  readonly logger?: Logger
  /** Told of every commit of a task, for measurements. */
  readonly onCommit?: (stats: CommitStats) => void
}

export interface BeamlineNode {
  readonly log: Log
  readonly node: Node
  /** Base address of the gateway; `null` without one. */
  readonly url: string | null
  /** Ends orderly: no more requests, running steps finish (bounded), a snapshot is written. */
  close(): Promise<void>
}

const DEFAULT_PARTITIONS = 4
const DEFAULT_CONCURRENCY: Record<Pool, number> = { cpu: 4 * availableParallelism(), io: 256, gpu: 32, external: 1 }
const READY_POLL_MS = 5

/** Starts everything in this process; resolves once all tasks are restored. @throws {LogError} e.g. `DATA_FOLDER_IN_USE`; `EADDRINUSE` */
export async function startBeamline(config: BeamlineConfig): Promise<BeamlineNode> {
  const logger = config.logger ?? createLogger({ environment, level: 'warn' })
  const closers: (() => Promise<void>)[] = []
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  try {
    return await start(config, logger, closers, close)
  } catch (error) {
    await close()
    throw error
  }
}

async function start(
  config: BeamlineConfig,
  logger: Logger,
  closers: (() => Promise<void>)[],
  close: () => Promise<void>,
): Promise<BeamlineNode> {
  const { dataFolder, partitions = DEFAULT_PARTITIONS } = config
  const log = await openEmbeddedLog({ folder: dataFolder, partitions, environment })
  closers.push(() => log.close())
  const registry = createRegistry()
  const readModel = config.readModel === false ? null : await openReadModel(dataFolder, log, logger)
  if (readModel !== null) {
    closers.push(() => readModel.close())
    log.keepEvents(() => readModel.positions())
  }
  const blocks = builtInBlocks(environment)
  closers.push(() => blocks.close())
  const metrics = createTaskMetrics(registry, createTaskLog(logger))
  const intake = new Intake(environment)
  let stopped: Error | null = null
  const node = new Node({
    log,
    environment,
    topology: createTopology(config.topology),
    workerId: `${hostname()}-${process.pid}`,
    tasks: true,
    pools: poolRoles(config, blocks.blocks),
    taskObserver: {
      ...metrics,
      committed: (stats) => {
        metrics.committed(stats)
        readModel?.poke()
        config.onCommit?.(stats)
      },
    },
    executorObserver: createExecutorMetrics(registry, createExecutorLog(logger)),
    taskOptions: {
      intake,
      snapshots: fileSnapshots(join(dataFolder, 'snapshots'), (reason) => logger.warn({}, reason)),
    },
    onTaskStopped: (taskId, error) => {
      logger.error({ task: taskId, error }, 'the task has stopped')
      stopped ??= error
    },
  })
  closers.push(() => node.drain())
  await node.start()
  let gateway: Gateway | null = null
  let url: string | null = null
  if (config.gateway !== false && readModel !== null) {
    gateway = createGateway({
      log,
      readModel,
      environment,
      logger,
      metrics: createGatewayMetrics(registry),
      admission: createAdmission(log, sampleLoad(log, node, environment), {
        onAdmitted: (backlog) => intake.arrived(backlog),
      }),
      isReady: () => node.isReady(),
    })
    closers.push(gateway.close)
    url = await gateway.listen(config.host ?? '127.0.0.1', config.port ?? 8080)
  }
  while (!node.isReady()) {
    if (stopped !== null) throw stopped
    await new Promise<void>((resolve) => environment.after(READY_POLL_MS, resolve))
  }
  return { log, node, url, close }
}

async function openReadModel(dataFolder: string, log: Log, logger: Logger): Promise<SqliteReadModel> {
  const heads = new Array<number>(log.partitions).fill(0)
  for (const { topic, partition, nextOffset } of await log.describe()) {
    if (topic === 'events') heads[partition] = nextOffset
  }
  return openSqliteReadModel({
    environment,
    source: { kind: 'embedded', folder: dataFolder },
    file: join(dataFolder, 'read-model.db'),
    partitions: log.partitions,
    heads,
    onProblem: (message) => logger.warn({ component: 'read-model' }, message),
  })
}

function poolRoles(config: BeamlineConfig, blocks: PoolRole['blocks']): PoolRole[] {
  const pools: readonly Pool[] = ['cpu', 'io', 'gpu']
  return pools.map((pool) => ({ pool, concurrency: config.concurrency?.[pool] ?? DEFAULT_CONCURRENCY[pool], blocks }))
}

/** The example flows that come with the package, by file name. */
export async function exampleFlows(): Promise<readonly { readonly name: string; readonly text: string }[]> {
  for (const place of ['./load/demo/flows/', '../load/demo/flows/']) {
    const folder = fileURLToPath(new URL(place, import.meta.url))
    const files = await readdir(folder).catch(() => [])
    const flows = files.filter((file) => file.endsWith('.yaml')).sort()
    if (flows.length > 0) {
      return Promise.all(flows.map(async (name) => ({ name, text: await readFile(join(folder, name), 'utf8') })))
    }
  }
  return []
}

if (import.meta.main) {
  // not awaited: the command line imports this module
  void import('./command.ts').then(async ({ runCommand }) => {
    process.exitCode = await runCommand(process.argv.slice(2))
  })
}
