import type { Backend, DeviceInfo } from './device/backend-names.ts'

export interface GpuSettings {
  /** The only backend to use; default the best one that computes. */
  readonly backend?: Backend | null
  /** File that describes the Vulkan driver to use (`..._icd.json`); default what is installed. */
  readonly vulkanDriver?: string | null
  /** How long a step waits for others to go along with it, milliseconds; default 2. */
  readonly gatherMs?: number
  /** Steps in one dispatch at most, 1 to 64; default 64. */
  readonly joinedMax?: number
  /** Told of the device and its work. */
  readonly observer?: GpuObserver
  /** For tests: the device is lost after so many dispatches. */
  readonly loseAfter?: number
}

export interface GpuObserver {
  opened(info: DeviceInfo): void
  /** The device or its process is gone; `calls` dispatches were under way. */
  lost(reason: string, calls: number): void
  dispatched(kernel: string, steps: number, durationMs: number): void
}
