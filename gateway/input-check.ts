/** Checks a run's input against the flow's JSON Schema at the edge, so that a mistake is answered at once. */
import type { ErrorObject } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { type JsonText, parseJson, toJsonText } from '../schemas/json.ts'

export interface InputProblem {
  /** In the submission, e.g. `input.order.sku`. */
  readonly path: string
  readonly message: string
}

/** Returns what is wrong with the input; `null` if nothing is. */
export type InputChecker = (input: JsonText) => readonly InputProblem[] | null

const MAX_PROBLEMS = 20

/** A schema of `null` accepts everything. */
export function checkerOf(schema: object | null): InputChecker {
  if (schema === null) return () => null
  // The same settings as at ingest, which decides; here it is only asked earlier, and for all problems at once.
  const ajv = new Ajv2020({ strict: false, verbose: true, allErrors: true, logger: false })
  formats.default(ajv)
  const validate = ajv.compile(schema)
  return (input) => {
    if (validate(parseJson(input))) return null
    return (validate.errors ?? []).slice(0, MAX_PROBLEMS).map(problemOf)
  }
}

function problemOf(error: ErrorObject): InputProblem {
  const path = `input${dotted(error.instancePath)}`
  return {
    path,
    message: `\`${path}\` is ${shortened(toJsonText(error.data))}; expected that it ${expectation(error)}`,
  }
}

function expectation({ keyword, message, params }: ErrorObject): string {
  if (keyword === 'enum') return `is one of ${toJsonText(params.allowedValues)}`
  if (keyword === 'const') return `is ${toJsonText(params.allowedValue)}`
  if (keyword === 'additionalProperties') return `has no property '${String(params.additionalProperty)}'`
  return message ?? `satisfies '${keyword}'`
}

/** `/lines/0/sku` becomes `.lines[0].sku`. */
function dotted(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`))
    .join('')
}

function shortened(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}...` : text
}
