import type { JsonText } from '../json.ts'
import { BLOCK_TYPES, type BlockType } from './block-types.ts'
import type { CompiledFlow, FlowProblem } from './model.ts'

export type CheckedFlow =
  | { readonly ok: true; readonly name: string; readonly document: JsonText; readonly flow: CompiledFlow }
  | { readonly ok: false; readonly problems: readonly FlowProblem[] }

/** Checks a flow as it was written, in YAML or JSON. Reports up to 50 problems. Never throws. */
export function checkFlow(
  _source: string | Uint8Array,
  _blockTypes: readonly BlockType[] = BLOCK_TYPES,
): CheckedFlow {
  throw new Error('not written yet')
}

/** Compiles the `document` that {@link checkFlow} gave. @throws {Error} if it is broken. */
export function compileStored(
  _flow: string,
  _document: JsonText,
  _blockTypes: readonly BlockType[] = BLOCK_TYPES,
): CompiledFlow {
  throw new Error('not written yet')
}
