/** From the best to the one that is always there. */
export const BACKENDS = ['webgpu', 'headlessgl', 'webasm', 'cpu'] as const
export type Backend = (typeof BACKENDS)[number]

export interface DeviceInfo {
  readonly backend: Backend
  /** The adapter's own description, `null` where there is none. */
  readonly adapter: string | null
  /** Largest array it takes, in bytes; `null` where only the process's memory limits it. */
  readonly arrayMaxBytes: number | null
  /** Why it is this backend: what each better one lacks. */
  readonly why: string
}
