/** What is told of a block, as data. */
import { CUSTOM_TYPE } from '../../../schemas/flow/block-types.ts'
import type { Json } from '../../../schemas/json.ts'
import type { Pool } from '../../../schemas/topics.ts'
import { type Block, type BlockErrorDef, COMMON_ERRORS } from '../block.ts'

export interface DescribedBlock {
  readonly type: string
  readonly version: number
  readonly pool: Pool
  readonly source: 'built-in' | 'custom'
  readonly summary: string
  readonly input_schema: object
  readonly output_schema: object | null
  readonly errors: readonly BlockErrorDef[]
  readonly any_code: boolean
  readonly takes_secrets: boolean
  readonly pure: boolean
  readonly examples: readonly { readonly title: string; readonly input: Json }[]
}

export function describeBlock(block: Block): DescribedBlock {
  const { type, version, pool, summary, example, examples = [] } = block
  return {
    type,
    version,
    pool,
    source: CUSTOM_TYPE.test(type) ? 'custom' : 'built-in',
    summary,
    input_schema: block.inputSchema,
    output_schema: block.outputSchema ?? null,
    errors: [...block.errors, ...COMMON_ERRORS],
    any_code: block.anyCode === true,
    takes_secrets: block.takesSecrets === true,
    pure: block.pure === true,
    examples: [{ title: 'Example', input: example }, ...examples],
  }
}
