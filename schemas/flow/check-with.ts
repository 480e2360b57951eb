/** Checks the `with` of a step, before anything runs, against what its block takes. */
import type { Json } from '../json.ts'
import type { Schema } from './expectation.ts'
import { SchemaJudge } from './judge-shape.ts'
import { misfitsOf } from './misfit.ts'
import type { Path, Problems } from './problems.ts'
import { isLiteral, shapeOf } from './template-shape.ts'

/** Reports what of a step's `with`, at `at`, its block would refuse whatever is filled in for expressions. */
export type CheckWith = (value: Json, at: Path, problems: Problems) => void

/** What a block says of its input. */
export interface InputTerms {
  readonly inputSchema: object
  /** JSON Schema of what the block demands beyond its schema, and refuses with codes of its own. */
  readonly needs?: object | undefined
  /** What executors ask before they run the block. */
  readonly refusal: (input: Json) => { readonly path: string; readonly found: string; readonly expected: string } | null
}

/** Of one step; what is beyond them says little more. */
const MAX_MISFITS = 8

export function withCheck({ inputSchema, needs = {}, refusal }: InputTerms): CheckWith {
  const whole = new SchemaJudge(bothOf(inputSchema as Schema, needs as Schema))
  const needed = new SchemaJudge(needs)
  return (value, at, problems) => {
    const shape = shapeOf(value)
    const refused = isLiteral(shape) ? refusal(shape) : undefined
    // the executor has the last word on what is known in full
    if (refused === null && needed.judge(shape).verdict !== 'no') return
    let misfits = misfitsOf(whole.judge(shape))
    if (refused != null && misfits.length === 0) {
      const message = `the input ${refused.path} is ${refused.found}; expected ${refused.expected}`
      misfits = [{ code: 'INVALID_FIELD', path: [], message }]
    }
    for (const { code, path, message } of misfits.slice(0, MAX_MISFITS)) {
      problems.report(code, [...at, ...path], message, code === 'UNKNOWN_FIELD' ? 'key' : 'value')
    }
  }
}

/** In one schema, so that a field that is missing because its name is misspelt is told once. */
function bothOf(input: Schema, { required = [], ...rest }: Schema): Schema {
  const lists = [input.required ?? [], required] as readonly (readonly string[])[]
  const parts = [...((input.allOf as readonly unknown[] | undefined) ?? []), rest]
  return { ...input, required: [...new Set(lists.flat())], allOf: parts }
}
