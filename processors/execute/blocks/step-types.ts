/** The types that steps may have, with the checks of their input that can be made before anything runs. */
import { BLOCK_TYPES, type BlockType, blockTypeNamed } from '../../../schemas/flow/block-types.ts'
import { withCheck } from '../../../schemas/flow/check-with.ts'
import type { Block } from '../block.ts'
import { inputCheck } from '../input-check.ts'
import { stepNeeds } from './step-needs.ts'

/** Types of which there is no block here are left unchecked: another process may have it. */
export function stepTypes(blocks: readonly Block[]): readonly BlockType[] {
  const added = blocks.filter(({ type }) => BLOCK_TYPES.every((known) => known.type !== type))
  const types = [...BLOCK_TYPES, ...added.flatMap(({ type }) => blockTypeNamed(type, BLOCK_TYPES) ?? [])]
  const byType = new Map(blocks.map((block) => [block.type, block]))
  return types.map((type) => {
    const block = byType.get(type.type)
    return block === undefined ? type : { ...type, checkWith: checkOf(block) }
  })
}

function checkOf({ type, inputSchema }: Block) {
  return withCheck({ inputSchema, needs: stepNeeds(type), refusal: inputCheck(inputSchema) })
}
