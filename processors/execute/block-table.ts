/** The blocks an executor knows, with what it needs of each at every step worked out beforehand. */
import type { ErrorClass } from '../../schemas/records/shared.ts'
import { type Block, COMMON_ERRORS } from './block.ts'
import { type CheckInput, inputCheck } from './input-check.ts'

export interface PreparedBlock {
  readonly block: Block
  readonly check: CheckInput
  /** Class of every code the block may report. */
  readonly classes: ReadonlyMap<string, ErrorClass>
}

export type BlockTable = ReadonlyMap<string, PreparedBlock>

/** @throws {TypeError} when two blocks have one type. */
export function blockTable(blocks: readonly Block[]): BlockTable {
  const table = new Map<string, PreparedBlock>()
  for (const block of blocks) {
    if (table.has(block.type)) throw new TypeError(`two blocks have the type '${block.type}'; expected one`)
    const codes = [...COMMON_ERRORS, ...block.errors]
    table.set(block.type, {
      block,
      check: inputCheck(block.inputSchema),
      classes: new Map(codes.map((error) => [error.code, error.class])),
    })
  }
  return table
}
