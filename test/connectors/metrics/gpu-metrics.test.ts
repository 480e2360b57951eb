import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import type { Logger } from '../../../connectors/logging/logger.ts'
import { createGpuMetrics } from '../../../connectors/metrics/gpu-metrics.ts'

test('the device, what is sent to it and its losses are counted and logged', async () => {
  const registry = new Registry()
  const lines: unknown[] = []
  const write = (fields: object, message: string) => void lines.push({ ...fields, message })
  const logger = { child: () => ({ info: write, warn: write }) } as unknown as Logger
  const metrics = createGpuMetrics(registry, logger)
  metrics.opened({ backend: 'webgpu', adapter: 'vendor x', arrayMaxBytes: 1_024, why: 'webgpu computes' })
  metrics.dispatched('matmul', 3, 20)
  metrics.dispatched('matmul', 1, 2)
  const text = await registry.metrics()
  expect(text).toContain('beamline_gpu_device{backend="webgpu",adapter="vendor x"} 1')
  expect(text).toContain('beamline_gpu_array_max_bytes 1024')
  expect(text).toContain('beamline_gpu_steps_total{kernel="matmul"} 4')
  expect(text).toContain('beamline_gpu_dispatch_seconds_count{kernel="matmul"} 2')
  metrics.lost('unplugged', 2)
  const after = await registry.metrics()
  expect(after).not.toContain('beamline_gpu_device{')
  expect(after).toContain('beamline_gpu_lost_total 1')
  expect(lines).toEqual([
    {
      backend: 'webgpu',
      adapter: 'vendor x',
      array_max_bytes: 1_024,
      why: 'webgpu computes',
      message: 'the device for kernels is open',
    },
    { reason: 'unplugged', dispatches: 2, message: 'the device for kernels is lost' },
  ])
})
