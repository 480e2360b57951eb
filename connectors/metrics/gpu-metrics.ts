/** What the device of the gpu pool tells, counted and logged. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Logger } from '../logging/logger.ts'

/** As the device describes itself. */
export interface DeviceShown {
  readonly backend: string
  readonly adapter: string | null
  readonly arrayMaxBytes: number | null
  readonly why: string
}

export interface GpuMetrics {
  opened(device: DeviceShown): void
  lost(reason: string, calls: number): void
  dispatched(kernel: string, steps: number, durationMs: number): void
}

export function createGpuMetrics(registry: Registry, logger: Logger): GpuMetrics {
  const registers = [registry]
  const log = logger.child({ component: 'gpu' })
  const device = new Gauge({
    name: 'beamline_gpu_device',
    help: '1 for the device that kernels run on.',
    labelNames: ['backend', 'adapter'],
    registers,
  })
  const arrayMax = new Gauge({
    name: 'beamline_gpu_array_max_bytes',
    help: 'Largest array that the device takes; 0 where only memory limits it.',
    registers,
  })
  const losses = new Counter({ name: 'beamline_gpu_lost_total', help: 'Times that the device was lost.', registers })
  const steps = new Counter({
    name: 'beamline_gpu_steps_total',
    help: 'Steps sent to the device.',
    labelNames: ['kernel'],
    registers,
  })
  const durations = new Histogram({
    name: 'beamline_gpu_dispatch_seconds',
    help: 'Time of a dispatch on the device, of one step or of several that went together.',
    labelNames: ['kernel'],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
    registers,
  })
  return {
    opened({ backend, adapter, arrayMaxBytes, why }) {
      device.reset()
      device.labels(backend, adapter ?? '').set(1)
      arrayMax.set(arrayMaxBytes ?? 0)
      log.info({ backend, adapter, array_max_bytes: arrayMaxBytes, why }, 'the device for kernels is open')
    },
    lost(reason, calls) {
      device.reset()
      losses.inc()
      log.warn({ reason, dispatches: calls }, 'the device for kernels is lost')
    },
    dispatched(kernel, count, durationMs) {
      steps.labels(kernel).inc(count)
      durations.labels(kernel).observe(durationMs / 1000)
    },
  }
}
