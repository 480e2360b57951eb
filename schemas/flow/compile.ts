import type { JsonText } from '../json.ts'
import type { CompiledFlow, FlowProblem } from './model.ts'

export type CheckedFlow =
  | { readonly ok: true; readonly name: string; readonly document: JsonText; readonly flow: CompiledFlow }
  | { readonly ok: false; readonly problems: readonly FlowProblem[] }

/** Placeholder, being written. */
export function checkFlow(_source: string | Uint8Array): CheckedFlow {
  throw new Error('not written yet')
}

export function compileStored(_flow: string, _document: JsonText): CompiledFlow {
  throw new Error('not written yet')
}
