/** A whole node in memory behind the gateway: memory log, tasks, an io executor and read model in memory. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { InjectOptions } from 'fastify'
import { LocalFolder } from '../../connectors/blobs/local-folder.ts'
import { realEnvironment } from '../../connectors/environment.ts'
import type { MemoryFaults } from '../../connectors/log-memory/faults.ts'
import { openMemoryLog } from '../../connectors/log-memory/memory-log.ts'
import { createMemoryStorage } from '../../connectors/log-memory/storage.ts'
import { createGatewayMetrics, createRegistry } from '../../connectors/metrics/metrics.ts'
import { createTaskMetrics } from '../../connectors/metrics/task-metrics.ts'
import { openSqliteReadModel } from '../../connectors/read-model/sqlite/sqlite-read-model.ts'
import { registerBlocks } from '../../gateway/http/blocks.ts'
import { createGateway, type Gateway } from '../../gateway/http/gateway.ts'
import { outRecord } from '../../gateway/out-record.ts'
import type { Admission, GatewayOptions, Logger } from '../../gateway/ports.ts'
import { echo } from '../../processors/execute/blocks/io/echo.ts'
import { failBlock } from '../../processors/execute/blocks/io/fail.ts'
import { sleepBlock } from '../../processors/execute/blocks/io/sleep.ts'
import type { BlockType } from '../../schemas/flow/block-types.ts'
import { checkFlow } from '../../schemas/flow/compile.ts'
import { DEFAULT_TENANT } from '../../schemas/ids.ts'
import { Payloads } from '../../topology/blobs/payloads.ts'
import type { Log } from '../../topology/log/port.ts'
import { Node } from '../../topology/node/node.ts'
import type { ReadModel } from '../../topology/read-model/port.ts'
import { createTopology } from '../../topology/topology.ts'
import { checkAnswer } from './conforms.ts'

export interface Answer {
  readonly status: number
  readonly headers: { readonly [name: string]: unknown }
  // biome-ignore lint/suspicious/noExplicitAny: bodies are looked into by tests
  readonly body: any
}

export interface World {
  readonly log: Log
  readonly node: Node
  readonly readModel: ReadModel
  readonly gateway: Gateway
  /** Lines that were logged as warning or error. */
  readonly problems: string[]
  /** Fields of what was logged for information. */
  readonly told: object[]
  admission: Admission
  /** Whether the process says that it is being stopped. */
  stopping: boolean
  call(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    url: string,
    payload?: unknown,
    headers?: InjectOptions['headers'],
  ): Promise<Answer>
  publish(document: string, headers?: InjectOptions['headers']): Promise<Answer>
  close(): Promise<void>
}

export interface WorldOptions {
  /** Where large payloads lie; default: in records. */
  readonly payloads?: Payloads
  readonly partitions?: number
  /** Without tasks nothing is decided. Default true. */
  readonly tasks?: boolean
  readonly gateway?: GatewayOptions
  readonly faults?: MemoryFaults
  /** Default: what steps give their blocks is not checked. */
  readonly blockTypes?: readonly BlockType[]
}

const tools = realEnvironment

/** What the task of partition 0 would make of a publication. */
async function appendFlow(log: Log, source: string): Promise<number> {
  const checked = checkFlow(source)
  if (!checked.ok) throw new Error(checked.problems[0]!.message)
  const record = {
    kind: 'FlowPublished',
    tenant: DEFAULT_TENANT,
    flow: checked.name,
    version: 1,
    document: checked.document,
    hash: 'hash',
    publishedAtMs: 0,
    publishedBy: null,
  } as const
  const copies = Array.from({ length: log.partitions }, (_, partition) =>
    outRecord('control', partition, checked.name, record),
  )
  await log.append(copies)
  return 201
}

export async function openWorld({
  partitions = 4,
  tasks = true,
  gateway: options = {},
  faults = {},
  payloads,
  blockTypes,
}: WorldOptions = {}) {
  const log = openMemoryLog(createMemoryStorage(partitions), realEnvironment, faults)
  const registry = createRegistry({ processMetrics: false })
  const node = new Node({
    log,
    environment: realEnvironment,
    topology: createTopology(),
    workerId: 'worker-1',
    tasks,
    pools: tasks ? [{ pool: 'io', concurrency: 8, blocks: [echo, failBlock(tools), sleepBlock(tools)] }] : [],
    taskObserver: createTaskMetrics(registry),
    ...(payloads === undefined ? {} : { taskOptions: { payloads }, executorOptions: { payloads } }),
  })
  await node.start()
  const readModel = await openSqliteReadModel({
    file: ':memory:',
    partitions,
    environment: realEnvironment,
    source: { kind: 'pump', log },
  })
  const blobFolder = await mkdtemp(join(tmpdir(), 'blobs-'))
  const store = await LocalFolder.open(blobFolder, realEnvironment)
  const problems: string[] = []
  const note = (_fields: object, message: string): void => void problems.push(message)
  const told: object[] = []
  const logger: Logger = { debug: () => {}, info: (fields) => told.push(fields), warn: note, error: note }
  const gateway = createGateway({
    log,
    readModel,
    environment: realEnvironment,
    logger,
    metrics: createGatewayMetrics(registry),
    admission: () => world.admission,
    isReady: () => node.isReady(),
    isStopping: () => world.stopping,
    workersHere: { workerId: 'worker-1', pools: () => node.pools, alone: tasks },
    blobs: { store, payloads: new Payloads(store), maxBytes: 1 << 20 },
    ...(blockTypes === undefined ? {} : { blockTypes }),
    options,
  })
  registerBlocks(gateway.app, [])
  const world: World = {
    log,
    node,
    readModel,
    gateway,
    problems,
    told,
    admission: { admit: true },
    stopping: false,
    async call(method, url, payload, headers = {}) {
      const json = typeof payload === 'object' && payload !== null && !(payload instanceof Uint8Array)
      const response = await gateway.app.inject({
        method,
        url,
        headers: json ? { 'content-type': 'application/json', ...headers } : headers,
        ...(payload === undefined ? {} : { payload: (json ? JSON.stringify(payload) : payload) as string | Buffer }),
      })
      const { statusCode, body } = response
      const type = String(response.headers['content-type'])
      const read = type.startsWith('application/json') ? JSON.parse(body) : body
      checkAnswer(method, url, statusCode, type, read)
      return { status: statusCode, headers: response.headers, body: read }
    },
    async publish(document, headers = {}) {
      // without tasks nobody numbers versions
      if (!tasks) return { status: await appendFlow(log, document), headers: {}, body: null }
      return world.call('POST', '/api/v1/flows', document, { 'content-type': 'application/yaml', ...headers })
    },
    async close() {
      await gateway.close()
      node.kill()
      await readModel.close()
      await log.close()
      await rm(blobFolder, { recursive: true })
    },
  }
  return world
}
