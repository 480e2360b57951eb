/** Events as a projection takes them. */
import type { BeamlineRecord } from '../../schemas/records/index.ts'

export interface EventRecord {
  readonly offset: number
  readonly value: Uint8Array
  readonly message?: BeamlineRecord | null
}

/** Larger payloads are not kept. */
export const DEFAULT_MAX_PAYLOAD_BYTES = 1 << 20
