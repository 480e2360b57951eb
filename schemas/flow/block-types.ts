import type { Pool } from '../topics.ts'

export interface BlockType {
  readonly type: string
  /** Where steps of the type run unless they say otherwise. */
  readonly pool: Pool
}

/** The blocks this version has. */
export const BLOCK_TYPES: readonly BlockType[] = [
  { type: 'echo', pool: 'io' },
  { type: 'sleep', pool: 'io' },
  { type: 'http', pool: 'io' },
  { type: 'fail', pool: 'io' },
  { type: 'jmespath', pool: 'cpu' },
  { type: 'kernel', pool: 'gpu' },
]
