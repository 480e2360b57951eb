/** What a JSON Schema asks for, in a few words. */
import { isObject } from './expression-values.ts'
import { show } from './problems.ts'

export type Schema = { readonly [keyword: string]: unknown }

const MAX_CHARS = 300
const WORDS: { readonly [type: string]: string } = {
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  null: 'null',
}

/** E.g. `a whole number from 1 to 20`; `a value of another form` where a few words do not say it. */
export function expectationOf(schema: unknown): string {
  return expectationIn(schema) ?? 'a value of another form'
}

/** Several, each once: `a list or an object`. */
export function eitherOf(schemas: readonly unknown[]): string {
  const known = schemas.map(expectationIn)
  if (known.includes(null)) return `one of ${schemas.length} forms`
  return listed([...new Set(known as readonly string[])])
}

function expectationIn(schema: unknown): string | null {
  if (schema === false) return 'nothing here'
  if (!isObject(schema as never)) return null
  const { type, enum: values, const: constant, anyOf, oneOf } = schema as Schema
  if (constant !== undefined) return show(constant)
  if (Array.isArray(values)) return shortened(values.map((value) => plain(value)).join(', '))
  const alternatives = anyOf ?? oneOf
  const types = type ?? impliedBy(schema as Schema)
  if (types === undefined) return Array.isArray(alternatives) ? eitherOf(alternatives) : null
  return listed([types].flat().map((name) => withLimits(name as string, schema as Schema)))
}

const IMPLIED: { readonly [type: string]: readonly string[] } = {
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  string: ['minLength', 'maxLength', 'pattern', 'format'],
  array: ['minItems', 'maxItems', 'uniqueItems', 'items', 'prefixItems', 'contains'],
  object: ['required', 'properties', 'additionalProperties', 'minProperties', 'maxProperties', 'propertyNames'],
}

function impliedBy(schema: Schema): string | undefined {
  return Object.keys(IMPLIED).find((type) => IMPLIED[type]!.some((keyword) => keyword in schema))
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function withLimits(type: string, schema: Schema): string {
  const words = WORDS[type] ?? type
  switch (type) {
    case 'integer':
    case 'number':
      return `${words}${numbers(schema)}`
    case 'string':
      return `${words}${extent(schema.minLength, schema.maxLength, 'characters')}${textual(schema)}`
    case 'array':
      return `${words}${extent(schema.minItems, schema.maxItems, 'items')}${schema.uniqueItems === true ? ', each once' : ''}`
    case 'object':
      return `${words}${fields(schema)}${extent(schema.minProperties, schema.maxProperties, 'fields')}`
    default:
      return words
  }
}

function numbers({ minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf }: Schema): string {
  const parts: string[] = []
  if (minimum !== undefined && maximum !== undefined) parts.push(`from ${minimum} to ${maximum}`)
  else if (minimum !== undefined) parts.push(`of at least ${minimum}`)
  else if (maximum !== undefined) parts.push(`of at most ${maximum}`)
  if (exclusiveMinimum !== undefined) parts.push(`above ${exclusiveMinimum}`)
  if (exclusiveMaximum !== undefined) parts.push(`below ${exclusiveMaximum}`)
  if (multipleOf !== undefined) parts.push(`a multiple of ${multipleOf}`)
  return parts.map((part) => ` ${part}`).join(',')
}

function extent(least: unknown, most: unknown, unit: string): string {
  if (least !== undefined && most !== undefined) return ` of ${least} to ${most} ${unit}`
  if (least !== undefined) return ` of at least ${least} ${least === 1 ? unit.slice(0, -1) : unit}`
  return most === undefined ? '' : ` of at most ${most} ${unit}`
}

function textual({ pattern, format }: Schema): string {
  const form = format === undefined ? '' : ` of the form ${format}`
  return pattern === undefined ? form : `${form} that matches ${pattern}`
}

function fields({ required }: Schema): string {
  return Array.isArray(required) && required.length > 0 ? ` with ${required.join(', ')}` : ''
}

function listed(all: readonly string[]): string {
  if (all.length < 3) return shortened(all.join(' or '))
  return shortened(`${all.slice(0, -1).join(', ')}, or ${all.at(-1)}`)
}

function shortened(text: string): string {
  return text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS)}...` : text
}
