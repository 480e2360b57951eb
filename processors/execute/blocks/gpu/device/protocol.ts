/** What the engine and the device process say to each other, with structured clones: arrays travel as bytes. */
import type { DeviceInfo } from './backend-names.ts'

export interface DeviceCall {
  readonly id: number
  readonly kernel: string
  readonly items: readonly unknown[]
}

export type ItemResult =
  | { readonly kind: 'done'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }

export type DeviceMessage =
  | { readonly kind: 'ready'; readonly info: DeviceInfo }
  | { readonly kind: 'unusable'; readonly message: string }
  | {
      readonly kind: 'results'
      readonly id: number
      readonly results: readonly ItemResult[]
      /** Programs that are compiled by now. */
      readonly warm: readonly string[]
      /** How long the device was at it. */
      readonly durationMs: number
    }
  /** The process ends after this. */
  | { readonly kind: 'lost'; readonly reason: string }

/** Variables by which the engine sets the process up. */
export const BACKEND_VARIABLE = 'BEAMLINE_GPU_BACKEND'
/** Set where a driver is asked for: then one in software is taken too. */
export const DRIVER_VARIABLE = 'BEAMLINE_GPU_DRIVER_GIVEN'
/** For tests: the device is lost after so many calls. */
export const LOSE_AFTER_VARIABLE = 'BEAMLINE_GPU_LOSE_AFTER'
