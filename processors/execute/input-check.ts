/** Checks a step's input against its block's schema and says what is wrong in terms of the input. */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import type { Json } from '../../schemas/json.ts'
import { objectText } from './object-text.ts'

export interface InputProblem {
  /** JSON pointer into the input; empty for the input itself. */
  readonly path: string
  readonly found: string
  readonly expected: string
}

export type CheckInput = (input: Json) => InputProblem | null

const ANNOTATIONS = new Set(['$schema', '$id', '$comment', 'title', 'description', 'examples', 'default'])
const PREVIEW_CHARS = 40

const accept: CheckInput = () => null

/** The check of a schema; compiled at its first use. A schema that allows everything costs nothing. */
export function inputCheck(schema: object): CheckInput {
  if (Object.keys(schema).every((key) => ANNOTATIONS.has(key))) return accept
  let validate: ValidateFunction | null = null
  return (input) => {
    validate ??= new Ajv2020({ strict: true, verbose: true, allowUnionTypes: true }).compile(schema)
    if (validate(input)) return null
    return problemOf(validate.errors![0]!)
  }
}

export function describeProblem(problem: InputProblem): string {
  const where = problem.path === '' ? 'the input' : `input at ${problem.path}`
  return `${where} is ${problem.found}; expected ${problem.expected}`
}

function problemOf(error: ErrorObject): InputProblem {
  const found = describe(error.data)
  const params = error.params as Record<string, unknown>
  switch (error.keyword) {
    case 'required':
      return { path: `${error.instancePath}/${params.missingProperty}`, found: 'missing', expected: 'a value' }
    case 'additionalProperties': {
      const known = Object.keys((error.parentSchema as { properties?: object }).properties ?? {})
      const path = `${error.instancePath}/${params.additionalProperty}`
      return { path, found: 'not known', expected: `one of ${known.join(', ')}` }
    }
    case 'enum':
      return { path: error.instancePath, found, expected: `one of ${JSON.stringify(params.allowedValues)}` }
    case 'type':
      return { path: error.instancePath, found, expected: [params.type].flat().join(' or ') }
    default:
      return { path: error.instancePath, found, expected: `a value that ${error.message ?? 'matches the schema'}` }
  }
}

function describe(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value === 'object') return objectText(value)
  const text = JSON.stringify(value) ?? 'nothing'
  return `${text.length > PREVIEW_CHARS ? `${text.slice(0, PREVIEW_CHARS)}…` : text} (${typeof value})`
}
