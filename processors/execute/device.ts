/** What a pool's steps run on where that is more than the process itself, as it is told to tasks. */

export interface DeviceShown {
  /** What it is driven by, e.g. `webgpu`; `null`: no device is open now. */
  readonly backend: string | null
  /** The device's own description; `null` where there is none. */
  readonly adapter: string | null
  /** Largest array it takes, in bytes; `null`: only memory limits it. */
  readonly arrayMaxBytes: number | null
  /** Why it is this one. */
  readonly why: string
  /** Labels of kernels that are compiled on it (`schemas/kernel/kernel-label.ts`), ascending. */
  readonly warm: readonly string[]
}

export interface DeviceSource {
  /** As it is now; the same object until it changes. */
  readonly shown: DeviceShown
  /** Called after each change of `shown`. One listener. */
  onChange(listener: () => void): void
}
