/** Two executors of the pool gpu, with a device process each, behind the tasks of a whole node. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { realEnvironment } from '../../connectors/environment.ts'
import { createRegistry } from '../../connectors/metrics/metrics.ts'
import { createTaskMetrics } from '../../connectors/metrics/task-metrics.ts'
import { type BuiltInBlocks, builtInBlocks } from '../../processors/execute/blocks/registry.ts'
import { Node } from '../../topology/node/node.ts'
import { createTopology } from '../../topology/topology.ts'
import { openWorld, type World } from './support.ts'

const FLOW =
  'flow: multiply\nsteps:\n  - id: only\n    type: kernel\n    with: { kernel: matmul, a: "${input.a}", b: [[2], [3]] }\n'

let world: World
const closing: { close(): Promise<void> }[] = []

beforeAll(async () => {
  world = await openWorld()
  for (const workerId of ['gpu-1', 'gpu-2']) {
    const set: BuiltInBlocks = builtInBlocks(realEnvironment, { gpu: { backend: 'cpu' } })
    const node = new Node({
      log: world.log,
      environment: realEnvironment,
      topology: createTopology(),
      workerId,
      tasks: false,
      pools: [{ pool: 'gpu', concurrency: 16, blocks: set.blocks, device: set.device }],
      taskObserver: createTaskMetrics(createRegistry({ processMetrics: false })),
    })
    await node.start()
    closing.push({ close: () => node.drain() }, set)
  }
  expect((await world.publish(FLOW)).status).toBe(201)
})

afterAll(async () => {
  for (const one of closing) await one.close()
  await world.close()
})

interface Shown {
  readonly worker_id: string
  readonly partitions: readonly number[]
  readonly device: { readonly backend: string | null; readonly warm_kernels: readonly string[] } | null
}

async function workers(): Promise<readonly Shown[]> {
  return (await world.call('GET', '/api/v1/workers?pool=gpu')).body.workers
}

/** The worker that ran it. */
async function run(n: number): Promise<string> {
  const { body } = await world.call('POST', '/api/v1/runs', { flow: 'multiply', input: { a: [[n, 1]] } })
  const shown = async () => (await world.call('GET', `/api/v1/runs/${body.run_id}`)).body
  await expect.poll(async () => (await shown()).status).toBe('completed')
  return (await shown()).steps[0].worker_id
}

test('a worker says what it runs kernels on, and steps of a kernel that it has compiled come to it', async () => {
  await expect
    .poll(async () => (await workers()).map((one) => [one.device?.backend, one.partitions.length]))
    .toEqual([
      [null, 2],
      [null, 2],
    ])
  const first = await run(1)
  const warmed = async () => (await workers()).filter(({ device }) => device?.warm_kernels.includes('matmul'))
  await expect.poll(async () => (await warmed()).length).toBe(1)
  const [worker] = await warmed()
  expect(worker).toMatchObject({ device: { backend: 'cpu', warm_kernels: ['matmul'], why: 'cpu is set' } })
  expect(worker!.worker_id).toBe(first)
  for (let n = 0; n < 12; n++) expect(await run(n)).toBe(first)
  expect(await warmed()).toHaveLength(1)
})
