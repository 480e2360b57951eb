import type { ErrorObject, SchemaValidateFunction, ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { canonicalJson } from '../codec/canonical-hash.ts'
import type { Json } from '../json.ts'
import { linearPattern } from './linear-pattern.ts'
import type { InputProblem } from './model.ts'
import { formatPath, type Path, type Problems, show } from './problems.ts'
import { checkPatterns } from './schema-patterns.ts'

/** What the patterns of a schema may cost for one input; about half a second where they are at their slowest. */
export const MAX_MATCHING = 64 * 1024 * 1024

/** Reports what is wrong with a JSON Schema (draft 2020-12). */
export function checkSchema(schema: object, at: Path, problems: Problems): void {
  const ajv = newAjv()
  try {
    if (ajv.validateSchema(schema) === true && checkPatterns(schema as Json, at, problems)) ajv.compile(schema)
    for (const error of firstPerPlace(ajv.errors ?? []).slice(0, 3)) {
      const path = [...at, ...pointerPath(error.instancePath, schema as Json)]
      problems.report('INVALID_SCHEMA', path, `not a JSON Schema: ${error.message}${allowed(error)}`)
    }
    if ('$async' in schema)
      problems.report('INVALID_SCHEMA', [...at, '$async'], 'asynchronous schemas are not allowed', 'key')
  } catch (error) {
    problems.report('INVALID_SCHEMA', at, `not a JSON Schema of draft 2020-12: ${(error as Error).message}`)
  }
}

/** Alternatives of one keyword fail one after the other, at the same place; the first says most. */
function firstPerPlace(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  return errors.filter(
    (error, index) => errors.findIndex((other) => other.instancePath === error.instancePath) === index,
  )
}

/** A check of values against a schema that is known to be right; compiled at its first use. */
export function inputChecker(schema: object | null): (input: Json) => readonly InputProblem[] {
  if (schema === null) return () => []
  const meter: Meter = { spent: 0 }
  let validate: ValidateFunction | null = null
  return (input) => {
    validate ??= newAjv(meter).compile(schema)
    meter.spent = 0
    try {
      if (validate(input) === true) return []
      return (validate.errors ?? []).map((error) => inputProblem(error, input))
    } catch (error) {
      if (error instanceof TooMuchToMatch) return [{ path: 'input', message: error.message }]
      throw error
    }
  }
}

function newAjv(meter: Meter = { spent: 0 }): Ajv2020 {
  const ajv = new Ajv2020({
    strict: false,
    logger: false,
    addUsedSchema: false,
    code: { regExp: patternEngine(meter) },
  })
  formats.default(ajv)
  ajv.removeKeyword('uniqueItems')
  ajv.addKeyword({ keyword: 'uniqueItems', type: 'array', schemaType: 'boolean', errors: true, validate: uniqueItems })
  return ajv
}

/** Characters of an input that have been matched, each times the size of its pattern. */
interface Meter {
  spent: number
}

class TooMuchToMatch extends Error {}

/** Ajv tells patterns apart by their text, and takes `code` for the engine's name in code that it prints. */
function patternEngine(meter: Meter) {
  const engine = (pattern: string) => {
    const { size, test } = linearPattern(pattern)
    const metered = (text: string): boolean => {
      meter.spent += size * text.length
      if (meter.spent <= MAX_MATCHING) return test(text)
      // false would be an answer, and under 'not' a match
      const found = `the schema's patterns, at '${pattern}', come to ${meter.spent} characters times the size of their pattern`
      throw new TooMuchToMatch(`the texts are too long to be matched: ${found}; expected at most ${MAX_MATCHING}`)
    }
    return { test: metered, toString: () => `/${pattern}/u` }
  }
  return Object.assign(engine, { code: 'linearPattern' })
}

/** Ajv's own compares every item with every other one, which takes minutes for the largest input. */
const uniqueItems: SchemaValidateFunction = (wanted: boolean, items: readonly Json[]): boolean => {
  uniqueItems.errors = []
  if (!wanted) return true
  const seen = new Map<string, number>()
  for (const [index, item] of items.entries()) {
    const text = canonicalJson(item)
    const other = seen.get(text)
    if (other !== undefined) {
      const message = `must NOT have duplicate items (items ## ${other} and ${index} are identical)`
      uniqueItems.errors = [{ keyword: 'uniqueItems', message, params: { i: index, j: other } }]
      return false
    }
    seen.set(text, index)
  }
  return true
}

function inputProblem(error: ErrorObject, input: Json): InputProblem {
  const path = pointerPath(error.instancePath, input)
  let value: unknown = input
  for (const part of path) value = (value as { [key: string | number]: unknown })[part]
  const found = error.keyword === 'required' ? '' : `; found ${show(value)}`
  return { path: formatPath(['input', ...path]), message: `${error.message}${allowed(error)}${found}` }
}

function allowed(error: ErrorObject): string {
  const params = error.params as { allowedValues?: unknown; additionalProperty?: unknown }
  if (params.allowedValues !== undefined) return `: ${JSON.stringify(params.allowedValues)}`
  return params.additionalProperty === undefined ? '' : `: '${String(params.additionalProperty)}'`
}

/** The parts of a JSON pointer into a value. */
function pointerPath(pointer: string, value: Json): (string | number)[] {
  let current: Json | undefined = value
  return pointer
    .split('/')
    .slice(1)
    .map((part) => {
      const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
      const key = Array.isArray(current) ? Number(name) : name
      current = (current as { readonly [key: string | number]: Json } | null)?.[key]
      return key
    })
}
