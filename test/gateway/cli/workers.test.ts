import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runBeamline } from './support.ts'

const worker = { state: 'idle', capacity: 4, in_flight: 1, partitions: [0, 2], seen_at_ms: 0 }
const device = { backend: 'webgpu', adapter: 'a card', array_max_bytes: 1_024, why: 'webgpu computes' }
const WORKERS = [
  { ...worker, worker_id: 'plain', pool: 'io', state: 'busy', device: null },
  {
    ...worker,
    worker_id: 'closed',
    pool: 'gpu',
    device: { ...device, backend: null, adapter: null, warm_kernels: [] },
  },
  { ...worker, worker_id: 'warm', pool: 'gpu', device: { ...device, warm_kernels: ['matmul', 'softmax'] } },
]
const server = createServer((_, response) => {
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ workers: WORKERS, at_ms: 0 }))
})
let url = ''
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

test('workers are listed with their device and the kernels that are compiled there', async () => {
  const { out, code } = await runBeamline(['worker', 'list', '--url', url])
  expect(code).toBe(0)
  const [title, ...lines] = out.trimEnd().split('\n')
  expect(title).toMatch(/^worker +pool +state +busy +partitions +seen +device +warm kernels$/)
  expect(lines[0]).toMatch(/^plain +io +busy +1 of 4 +0,2 .* +- +-$/)
  expect(lines[1]).toMatch(/^closed +gpu +idle .* +not open +-$/)
  expect(lines[2]).toMatch(/^warm +gpu .* +webgpu \(a card\) +matmul,softmax$/)
})
