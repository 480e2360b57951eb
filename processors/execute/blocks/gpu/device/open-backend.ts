import type { GPU } from 'gpu.js'
import type { DeviceInfo } from './backend-names.ts'

/** gpu.js on a device that is there. In the device process. */
export interface OpenBackend {
  readonly info: DeviceInfo
  readonly gpu: GPU
  /** A program of gpu.js computes right for arrays of other sizes than those it was compiled for. */
  readonly isResizable: boolean
  /** Told why, once, when the device is gone. */
  onLost(listener: (reason: string) => void): void
  /** What went wrong on the device since it was last asked, if anything did. */
  fault(): string | null
  /** As if the device had been taken away. */
  lose(): void
}

/** Or what it lacks. */
export type Found = OpenBackend | string
