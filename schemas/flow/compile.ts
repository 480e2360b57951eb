import { type Json, type JsonText, parseJson, toJsonText } from '../json.ts'
import { BLOCK_TYPES, type BlockType } from './block-types.ts'
import { checkDocument } from './check-flow.ts'
import type { CompiledFlow, FlowProblem } from './model.ts'
import { Problems } from './problems.ts'
import { MAX_DOCUMENT_BYTES, readSource } from './source.ts'

export type CheckedFlow =
  | {
      readonly ok: true
      readonly name: string
      /** The document as JSON, with the names it was written with; what {@link compileStored} takes. */
      readonly document: JsonText
      readonly flow: CompiledFlow
    }
  | { readonly ok: false; readonly problems: readonly FlowProblem[] }

/** Checks a flow as it was written, in YAML or JSON. Reports up to 50 problems. Never throws. */
export function checkFlow(source: string | Uint8Array, blockTypes: readonly BlockType[] = BLOCK_TYPES): CheckedFlow {
  const read = readSource(source)
  if (!read.ok) return { ok: false, problems: read.problems.list }
  const document = toJsonText(read.value)
  const problems = new Problems(read.locate)
  if (Buffer.byteLength(document) > MAX_DOCUMENT_BYTES) {
    const found = `${Buffer.byteLength(document)} bytes as JSON`
    problems.report('TOO_LARGE', [], `the document has ${found}; expected at most ${MAX_DOCUMENT_BYTES}`)
    return { ok: false, problems: problems.list }
  }
  const flow = checkDocument(read.value, { blockTypes, problems }, { checkSchemas: true })
  return flow === null ? { ok: false, problems: problems.list } : { ok: true, name: flow.flow, document, flow }
}

/** Compiles the `document` that {@link checkFlow} gave. @throws {Error} if it is broken. */
export function compileStored(
  flow: string,
  document: JsonText,
  blockTypes: readonly BlockType[] = BLOCK_TYPES,
): CompiledFlow {
  const problems = new Problems()
  const value: Json = parseJson(document)
  const compiled = checkDocument(value, { blockTypes, problems }, { checkSchemas: false })
  if (compiled !== null) return compiled
  const [first] = problems.list
  throw new Error(`the stored document of flow '${flow}' is broken at '${first?.path}': ${first?.message}`)
}
