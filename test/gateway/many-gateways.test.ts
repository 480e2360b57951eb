/** Several gateways over one log, as in several processes. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { realEnvironment } from '../../connectors/environment.ts'
import { openMemoryLog } from '../../connectors/log-memory/memory-log.ts'
import { createMemoryStorage } from '../../connectors/log-memory/storage.ts'
import { createGatewayMetrics, createRegistry } from '../../connectors/metrics/metrics.ts'
import { createTaskMetrics } from '../../connectors/metrics/task-metrics.ts'
import { openSqliteReadModel } from '../../connectors/read-model/sqlite/sqlite-read-model.ts'
import { createGateway, type Gateway } from '../../gateway/http/gateway.ts'
import type { GatewayOptions, Logger } from '../../gateway/ports.ts'
import { echo } from '../../processors/execute/blocks/io/echo.ts'
import { decodeRecord } from '../../schemas/codec/wire.ts'
import type { BeamlineRecord } from '../../schemas/records/index.ts'
import type { Log } from '../../topology/log/port.ts'
import { Node } from '../../topology/node/node.ts'
import type { ReadModel } from '../../topology/read-model/port.ts'
import { createTopology } from '../../topology/topology.ts'

const PARTITIONS = 4
const QUIET: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

let log: Log
let node: Node
let readModel: ReadModel
const gateways: Gateway[] = []

beforeEach(async () => {
  log = openMemoryLog(createMemoryStorage(PARTITIONS), realEnvironment)
  node = await startNode()
  readModel = await openSqliteReadModel({
    file: ':memory:',
    partitions: PARTITIONS,
    environment: realEnvironment,
    source: { kind: 'pump', log },
  })
})

afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.close()
  node.kill()
  await readModel.close()
  await log.close()
})

async function startNode(): Promise<Node> {
  const started = new Node({
    log,
    environment: realEnvironment,
    topology: createTopology(),
    workerId: 'worker-1',
    tasks: true,
    pools: [{ pool: 'io', concurrency: 8, blocks: [echo] }],
    taskObserver: createTaskMetrics(createRegistry({ processMetrics: false })),
  })
  await started.start()
  return started
}

function openGateway(options: GatewayOptions = {}): Gateway {
  const gateway = createGateway({
    log,
    readModel,
    environment: realEnvironment,
    logger: QUIET,
    metrics: createGatewayMetrics(createRegistry({ processMetrics: false })),
    admission: () => ({ admit: true }),
    isReady: () => node.isReady(),
    options,
  })
  gateways.push(gateway)
  return gateway
}

async function publish(gateway: Gateway, document: string) {
  const headers = { 'content-type': 'application/yaml' }
  const answer = await gateway.app.inject({ method: 'POST', url: '/api/v1/flows', headers, payload: document })
  return { status: answer.statusCode, body: answer.json() as { version: number; created: boolean; hash: string } }
}

const document = (flow: string, text: string) => `flow: ${flow}\nsteps:\n  - { id: a, type: echo, with: "${text}" }\n`

async function control(partition: number): Promise<readonly BeamlineRecord[]> {
  const reader = log.read('control', partition, 'first')
  const records = await reader.next(1_000)
  reader.close()
  return records.map((record) => record.message ?? decodeRecord(record.value))
}

describe('two gateways', () => {
  it('give every document that they publish at the same moment a version of its own, the same everywhere', async () => {
    const [one, two] = [openGateway(), openGateway()]
    const texts = Array.from({ length: 20 }, (_, n) => `text ${n}`)
    const answers = await Promise.all(texts.map((text, n) => publish(n % 2 === 0 ? one : two, document('race', text))))
    expect(answers.every(({ status, body }) => status === 201 && body.created)).toBe(true)
    const versions = answers.map(({ body }) => body.version).toSorted((a, b) => a - b)
    expect(versions).toEqual(texts.map((_, n) => n + 1))
    const hashes = new Map(answers.map(({ body }) => [body.version, body.hash]))
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const published = (await control(partition)).filter((record) => record.kind === 'FlowPublished')
      expect(new Map(published.map(({ version, hash }) => [version, hash]))).toEqual(hashes)
    }
    for (const gateway of [one, two]) {
      const known = async () => (await gateway.app.inject('/api/v1/flows/race')).json() as { versions: number[] }
      await expect.poll(known).toMatchObject({ versions })
    }
  })

  it('make one version of one document', async () => {
    const [one, two] = [openGateway(), openGateway()]
    const answers = await Promise.all([one, two, one, two].map((gateway) => publish(gateway, document('same', 'x'))))
    expect(answers.map(({ body }) => body.version)).toEqual([1, 1, 1, 1])
    expect(answers.filter(({ body }) => body.created)).toHaveLength(1)
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 200, 201])
  })

  it('lose no change of a tenant', async () => {
    const [one, two] = [openGateway(), openGateway()]
    const put = (gateway: Gateway, payload: object) =>
      gateway.app.inject({ method: 'PUT', url: '/api/v1/tenants/acme', payload })
    const changes = [{ weight: 7 }, { max_concurrency: 8 }, { rate_per_second: 2 }, { burst: 16 }]
    const answers = await Promise.all(changes.map((patch, n) => put(n % 2 === 0 ? one : two, patch)))
    expect(answers.map((answer) => (answer.json() as { revision: number }).revision).toSorted()).toEqual([1, 2, 3, 4])
    for (const gateway of [one, two]) {
      await vi.waitFor(async () => {
        expect((await gateway.app.inject('/api/v1/tenants/acme')).json()).toMatchObject({
          revision: 4,
          weight: 7,
          max_concurrency: 8,
          rate_per_second: 2,
          burst: 16,
        })
      }, 60_000)
    }
  })

  it('each get their own answers, also on one partition of replies', async () => {
    const both = [openGateway({ repliesPartition: 3 }), openGateway({ repliesPartition: 3 })]
    await publish(both[0]!, document('greet', 'x'))
    const submit = (gateway: Gateway, key: string) =>
      gateway.app.inject({
        method: 'POST',
        url: '/api/v1/runs',
        payload: { flow: 'greet', input: {}, idempotency_key: key },
      })
    const keys = Array.from({ length: 50 }, (_, n) => `key-${n}`)
    const answers = await Promise.all(keys.flatMap((key) => both.map((gateway) => submit(gateway, key))))
    expect(answers.map((answer) => answer.statusCode).toSorted()).toEqual([
      ...keys.map(() => 200),
      ...keys.map(() => 202),
    ])
    const ids = answers.map((answer) => (answer.json() as { run_id: string }).run_id)
    for (let n = 0; n < keys.length; n++) expect(ids[2 * n]).toBe(ids[2 * n + 1])
    expect(new Set(ids).size).toBe(keys.length)
  })

  it('know what the other one publishes before they refuse it', async () => {
    const [one, two] = [openGateway(), openGateway()]
    await two.app.ready()
    await publish(one, document('fresh', 'x'))
    const payload = { flow: 'fresh', input: {} }
    expect((await two.app.inject({ method: 'POST', url: '/api/v1/runs', payload })).statusCode).toBe(202)
  })
})

describe('a gateway whose tasks do not answer', () => {
  it('says 504 to a publication, which takes effect once they do', async () => {
    const gateway = openGateway({ replyTimeoutMs: 20 })
    await gateway.app.ready()
    await node.drain()
    expect(await publish(gateway, document('late', 'x'))).toMatchObject({
      status: 504,
      body: { error: { code: 'timeout' } },
    })
    node = await startNode()
    await vi.waitFor(async () => {
      expect((await gateway.app.inject('/api/v1/flows/late')).json()).toMatchObject({ versions: [1] })
    }, 60_000)
  })
})
