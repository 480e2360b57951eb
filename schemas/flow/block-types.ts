import type { Pool } from '../topics.ts'
import type { CheckWith } from './check-with.ts'

export interface BlockType {
  readonly type: string
  /** Where steps of the type run unless they say otherwise. */
  readonly pool: Pool
  /** Its input may name secrets. */
  readonly secrets?: true
  /** What it is called in a step of the older form (with `inputs`), where that name means something else by now. */
  readonly older?: string
  /** Absent where nothing is known of what the block takes. */
  readonly checkWith?: CheckWith
}

/** Types of blocks that an operator adds. Which there are is known to the executors alone. */
export const CUSTOM_TYPE = /^custom\.[a-z][a-z0-9-]{0,62}$/

/** `undefined` for a type that cannot exist. */
export function blockTypeNamed(type: string, blockTypes: readonly BlockType[]): BlockType | undefined {
  const found = blockTypes.find((block) => block.type === type)
  return found ?? (CUSTOM_TYPE.test(type) ? { type, pool: 'cpu', secrets: true } : undefined)
}

/** The blocks this version has. */
export const BLOCK_TYPES: readonly BlockType[] = [
  { type: 'echo', pool: 'io' },
  { type: 'sleep', pool: 'io' },
  { type: 'http', pool: 'io', secrets: true },
  { type: 'worker.http', pool: 'io', secrets: true, older: 'http' },
  { type: 'http.request', pool: 'io', secrets: true },
  { type: 'graphql', pool: 'io', secrets: true },
  { type: 'webhook', pool: 'io', secrets: true },
  { type: 'llm', pool: 'io', secrets: true },
  { type: 'redis', pool: 'io', secrets: true },
  { type: 'kafka.produce', pool: 'io' },
  { type: 'email', pool: 'io', secrets: true },
  { type: 'sql', pool: 'io', secrets: true },
  { type: 'sql.query', pool: 'io' },
  { type: 'fs.get', pool: 'io' },
  { type: 'fs.put', pool: 'io' },
  { type: 'fs_blob_get', pool: 'io' },
  { type: 'fs_blob_put', pool: 'io' },
  { type: 'fs.blob_get', pool: 'io' },
  { type: 'fs.blob_put', pool: 'io' },
  { type: 'fail', pool: 'io' },
  { type: 'jmespath', pool: 'cpu' },
  { type: 'javascript', pool: 'cpu' },
  { type: 'javascript.trusted', pool: 'cpu' },
  { type: 'transform', pool: 'cpu' },
  { type: 'kernel', pool: 'gpu' },
]
