/** Reshapes data without code: `pick`, then `rename`, `merge` and `template`. What it is given may be anything that the schema lets through. */
import { isObject, type JsonObject, setOwn } from '../../../../schemas/flow/expression-values.ts'
import type { ExpressionError, Scope } from '../../../../schemas/flow/model.ts'
import { Problems } from '../../../../schemas/flow/problems.ts'
import { type CheckedTemplate, checkTemplate } from '../../../../schemas/flow/template.ts'
import type { Json } from '../../../../schemas/json.ts'
import { BlockError } from '../../block.ts'
import { objectText } from '../../object-text.ts'
import { BoundedCache } from './bounded-cache.ts'
import { type Search, searchJmespath, searchOf } from './jmespath-search.ts'

export interface TransformInput {
  readonly data?: Json
  readonly each?: boolean
  readonly pick?: readonly string[] | { readonly [name: string]: string }
  readonly rename?: { readonly [name: string]: string }
  readonly merge?: JsonObject | readonly JsonObject[]
  readonly template?: Json
}

type Change = (data: Json) => Json

/** @throws {BlockError} `TRANSFORM_INVALID`, `TRANSFORM_FAILED` */
export function runTransform(input: Json): Json {
  const { data = null, each = false, pick, rename, merge, template } = input as TransformInput
  const changes: Change[] = []
  if (pick !== undefined) changes.push(picked(pick))
  if (rename !== undefined) changes.push((value) => renamed(value, rename))
  if (merge !== undefined) changes.push((value) => merged(value, Array.isArray(merge) ? merge : [merge]))
  if (template !== undefined) changes.push(rendered(template))
  const change: Change = (value) => changes.reduce((current, one) => one(current), value)
  if (!each) return change(data)
  if (!Array.isArray(data)) throw failed(`'data' is ${nameOf(data)}; expected a list, since 'each' is true`)
  return data.map((item) => change(item as Json))
}

/**
 * Whether it takes time in proportion to its input. A template always does. @throws {BlockError} `TRANSFORM_INVALID`
 */
export function isBounded({ pick = [] }: TransformInput): boolean {
  if (Array.isArray(pick)) return true
  return Object.entries(pick).every(([name, expression]) => searchFor(name, expression).isBounded)
}

function picked(pick: NonNullable<TransformInput['pick']>): Change {
  if (Array.isArray(pick)) {
    return (value) => {
      const source = objectOf(value, 'pick')
      const result = {}
      for (const name of pick as readonly string[]) {
        if (Object.hasOwn(source, name)) setOwn(result, name, source[name]!)
      }
      return result
    }
  }
  const members = Object.entries(pick).map(([name, expression]) => [name, searchFor(name, expression)] as const)
  return (value) => {
    const result = {}
    for (const [name, search] of members) setOwn(result, name, found(search, value, `pick.${name}`))
    return result
  }
}

function searchFor(name: string, expression: string): Search {
  try {
    return searchOf(expression)
  } catch (error) {
    throw invalid(`pick.${name}: ${(error as Error).message}`)
  }
}

function found(search: Search, value: Json, where: string): Json {
  try {
    return searchJmespath(search, value)
  } catch (error) {
    throw failed(`${where}: ${(error as Error).message}`)
  }
}

/** Members keep their order. A name that another member has already is taken over by the renamed one. */
function renamed(value: Json, names: { readonly [name: string]: string }): Json {
  const result = {}
  const source = objectOf(value, 'rename')
  const isRenamed = (name: string): boolean => Object.hasOwn(names, name)
  const taken = new Set(Object.keys(source).flatMap((name) => (isRenamed(name) ? [names[name]!] : [])))
  for (const [name, member] of Object.entries(source)) {
    if (isRenamed(name)) setOwn(result, names[name]!, member)
    else if (!taken.has(name)) setOwn(result, name, member)
  }
  return result
}

function merged(value: Json, objects: readonly JsonObject[]): Json {
  const result = {}
  for (const object of [objectOf(value, 'merge'), ...objects]) {
    for (const [name, member] of Object.entries(object)) setOwn(result, name, member)
  }
  return result
}

const templates = new BoundedCache<CheckedTemplate>(500, 4_096)

/** Names in a template are those of the data: unlike in a flow, they cannot be known beforehand. */
const NAMES = ['UNKNOWN_NAME', 'NOT_SUPPORTED_YET']

function rendered(template: Json): Change {
  const checked = templates.get(JSON.stringify(template), () => {
    refuseProto(template, 'template')
    const problems = new Problems()
    const made = checkTemplate(template, ['template'], [], problems)
    const problem = problems.list.find(({ code }) => !NAMES.includes(code))
    if (problem !== undefined) throw invalid(`${problem.path}: ${problem.message}`)
    return made
  })
  return (value) => {
    try {
      return checked.render(value as unknown as Scope)
    } catch (error) {
      const { code, path, message } = error as ExpressionError
      throw failed(message, { code: code ?? null, path: path ?? null })
    }
  }
}

/** A template's own names become members by assignment. */
function refuseProto(value: Json, path: string): void {
  if (typeof value !== 'object' || value === null) return
  for (const [name, member] of Object.entries(value)) {
    if (name === '__proto__') throw invalid(`${path} has a member '__proto__'; expected any other name`)
    refuseProto(member as Json, `${path}.${name}`)
  }
}

function objectOf(value: Json, what: string): JsonObject {
  if (isObject(value)) return value
  const hint = Array.isArray(value) ? "; with 'each: true' it is done for every item" : ''
  throw failed(`'${what}' takes an object; found ${nameOf(value)}${hint}`)
}

function nameOf(value: Json): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'a list' : typeof value === 'object' ? objectText(value) : `a ${typeof value}`
}

function invalid(message: string): BlockError {
  return new BlockError('TRANSFORM_INVALID', message)
}

function failed(message: string, detail: Json = null): BlockError {
  return new BlockError('TRANSFORM_FAILED', message, { detail })
}
