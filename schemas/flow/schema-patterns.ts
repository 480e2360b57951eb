/** The regular expressions in a JSON Schema. */
import type { Json } from '../json.ts'
import { linearPattern, UnsafePattern } from './linear-pattern.ts'
import type { Path, Problems } from './problems.ts'

/** Their values are data, whatever they look like. */
const DATA: ReadonlySet<string> = new Set(['const', 'default', 'enum', 'examples'])
/** Their members are schemas under names that mean nothing here. */
const NAMED: ReadonlySet<string> = new Set([
  '$defs',
  'definitions',
  'dependentSchemas',
  'patternProperties',
  'properties',
])

/** Reports every `pattern` and every name in `patternProperties` that cannot be matched in linear time. False if there was one. */
export function checkPatterns(schema: Json, at: Path, problems: Problems): boolean {
  if (typeof schema !== 'object' || schema === null) return true
  let fine = true
  for (const [key, value] of Object.entries(schema)) {
    const path = [...at, Array.isArray(schema) ? Number(key) : key]
    if (DATA.has(key)) continue
    if (key === 'pattern' && typeof value === 'string') fine = isLinear(value, path, 'value', problems) && fine
    else if (NAMED.has(key)) fine = checkNamed(value, path, key === 'patternProperties', problems) && fine
    else fine = checkPatterns(value, path, problems) && fine
  }
  return fine
}

function checkNamed(schemas: Json, at: Path, byPattern: boolean, problems: Problems): boolean {
  if (typeof schemas !== 'object' || schemas === null) return true
  let fine = true
  for (const [name, schema] of Object.entries(schemas)) {
    if (byPattern) fine = isLinear(name, [...at, name], 'key', problems) && fine
    fine = checkPatterns(schema, [...at, name], problems) && fine
  }
  return fine
}

function isLinear(source: string, path: Path, what: 'value' | 'key', problems: Problems): boolean {
  try {
    linearPattern(source)
    return true
  } catch (error) {
    const code = error instanceof UnsafePattern ? 'PATTERN_UNSAFE' : 'INVALID_SCHEMA'
    problems.report(code, path, (error as Error).message, what)
    return false
  }
}
