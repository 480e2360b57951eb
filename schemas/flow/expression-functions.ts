/**
 * The functions of JMESPath. Where the jmespath package departs from the specification this follows the specification: `sort` and
 * `max_by` order numbers as numbers, `starts_with` looks at the start, `contains` compares by value, a number that is none becomes `null`.
 * Texts are ordered by code unit, never by locale, so that every machine decides alike.
 */
import type { Json } from '../json.ts'
import { compareScalars, deepEqual, isObject, setOwn } from './expression-values.ts'

export class EvaluationProblem extends Error {}

/** What an argument may be. `reference` is `&expression`, given to the function as something it can call. */
export type ArgType = 'any' | 'number' | 'string' | 'list' | 'object' | 'numbers' | 'strings' | 'reference'
export type Arg = Json | ((value: Json) => Json)

export interface JmesFunction {
  /** Alternatives per argument. */
  readonly args: readonly (readonly ArgType[])[]
  /** The last argument may be repeated. */
  readonly variadic?: boolean
  /** How the result's size depends on the arguments'; see `expression-bounds.ts`. */
  readonly size: 'scalar' | 'first' | 'sum' | 'max' | 'map' | 'join' | 'text'
  // biome-ignore lint/suspicious/noExplicitAny: the types are those that `args` says and `callFunction` checks
  readonly run: (...args: any[]) => Json | undefined
}

type Key = (value: Json) => Json
type Items = readonly Json[]

const define = (
  args: readonly (readonly ArgType[])[],
  size: JmesFunction['size'],
  run: JmesFunction['run'],
  variadic = false,
): JmesFunction => ({ args, size, run, variadic })

const scalar = (types: readonly ArgType[], run: JmesFunction['run']) => define([types], 'scalar', run)

export const FUNCTIONS: ReadonlyMap<string, JmesFunction> = new Map([
  ['abs', scalar(['number'], (n: number) => Math.abs(n))],
  ['avg', scalar(['numbers'], (list: number[]) => sum(list) / list.length)],
  ['ceil', scalar(['number'], (n: number) => Math.ceil(n))],
  ['contains', define([['string', 'list'], ['any']], 'scalar', contains)],
  ['ends_with', define([['string'], ['string']], 'scalar', (s: string, end: string) => s.endsWith(end))],
  ['floor', scalar(['number'], (n: number) => Math.floor(n))],
  ['join', define([['string'], ['strings']], 'join', (glue: string, list: string[]) => list.join(glue))],
  ['keys', define([['object']], 'first', (object: object) => Object.keys(object))],
  ['length', scalar(['string', 'list', 'object'], (v: string | Items | object) => sizeOf(v))],
  ['map', define([['reference'], ['list']], 'map', (key: Key, list: Items) => list.map((item) => key(item)))],
  ['max', define([['numbers', 'strings']], 'first', (list: Items) => extreme(list, (x) => x, 1))],
  ['max_by', define([['list'], ['reference']], 'first', (list: Items, key: Key) => extreme(list, key, 1))],
  ['merge', define([['object']], 'sum', merge, true)],
  ['min', define([['numbers', 'strings']], 'first', (list: Items) => extreme(list, (x) => x, -1))],
  ['min_by', define([['list'], ['reference']], 'first', (list: Items, key: Key) => extreme(list, key, -1))],
  ['not_null', define([['any']], 'max', (...args: Json[]) => args.find((arg) => arg !== null) ?? null, true)],
  ['reverse', define([['string', 'list']], 'first', reverse)],
  ['sort', define([['strings', 'numbers']], 'first', (list: Items) => [...list].sort(compareScalars))],
  ['sort_by', define([['list'], ['reference']], 'first', sortBy)],
  ['starts_with', define([['string'], ['string']], 'scalar', (s: string, start: string) => s.startsWith(start))],
  ['sum', scalar(['numbers'], sum)],
  ['to_array', define([['any']], 'first', (value: Json) => (Array.isArray(value) ? value : [value]))],
  ['to_number', scalar(['any'], toNumber)],
  ['to_string', define([['any']], 'text', (v: Json) => (typeof v === 'string' ? v : JSON.stringify(v)))],
  ['type', scalar(['any'], typeName)],
  ['values', define([['object']], 'first', (object: object) => Object.values(object) as Json[])],
])

/** @throws {EvaluationProblem} when an argument has another type than the function takes. */
export function callFunction(name: string, definition: JmesFunction, args: readonly Arg[]): Json {
  for (let i = 0; i < args.length; i++) {
    const wanted = definition.args[Math.min(i, definition.args.length - 1)]!
    if (!wanted.some((type) => matches(args[i]!, type))) {
      const found = typeof args[i] === 'function' ? 'an expression' : typeName(args[i] as Json)
      throw new EvaluationProblem(`${name}() takes ${wanted.join(' or ')} as argument ${i + 1}; found ${found}`)
    }
  }
  const result = definition.run(...args)
  return result === undefined || (typeof result === 'number' && !Number.isFinite(result)) ? null : result
}

function matches(arg: Arg, type: ArgType): boolean {
  if (typeof arg === 'function') return type === 'reference'
  switch (type) {
    case 'any':
      return true
    case 'reference':
      return false
    case 'number':
    case 'string':
      return typeof arg === type
    case 'object':
      return isObject(arg)
    case 'list':
      return Array.isArray(arg)
    case 'numbers':
      return Array.isArray(arg) && arg.every((item) => typeof item === 'number')
    case 'strings':
      return Array.isArray(arg) && arg.every((item) => typeof item === 'string')
  }
}

export function typeName(value: Json): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

function sum(list: readonly number[]): number {
  let total = 0
  for (const item of list) total += item
  return total
}

function contains(where: string | Items, what: Json): boolean {
  if (typeof where === 'string') return typeof what === 'string' && where.includes(what)
  return where.some((item) => deepEqual(item, what))
}

function sizeOf(value: string | Items | object): number {
  return typeof value === 'string' || Array.isArray(value) ? value.length : Object.keys(value).length
}

function merge(...objects: { readonly [key: string]: Json }[]): Json {
  const merged = {}
  for (const object of objects) for (const [key, value] of Object.entries(object)) setOwn(merged, key, value)
  return merged
}

function reverse(value: string | Items): Json {
  return typeof value === 'string' ? [...value].reverse().join('') : [...value].reverse()
}

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

function toNumber(value: Json): Json {
  if (typeof value === 'number') return value
  return typeof value === 'string' && JSON_NUMBER.test(value) ? Number(value) : null
}

/** Keys of a list's items; all numbers or all texts. */
function keysOf(list: Items, key: Key): Items {
  const keys = list.map((item) => key(item))
  const type = typeof keys[0]
  const odd = keys.find((found) => typeof found !== type || (type !== 'number' && type !== 'string'))
  if (odd !== undefined) {
    throw new EvaluationProblem(`the keys to order by must be all numbers or all strings; found ${typeName(odd)}`)
  }
  return keys
}

function sortBy(list: Items, key: Key): Json {
  const keys = keysOf(list, key)
  const order = list.map((_, index) => index).sort((a, b) => compareScalars(keys[a]!, keys[b]!))
  return order.map((index) => list[index]!)
}

function extreme(list: Items, key: Key, sign: 1 | -1): Json {
  const keys = keysOf(list, key)
  let best = 0
  for (let i = 1; i < keys.length; i++) if (compareScalars(keys[i]!, keys[best]!) * sign > 0) best = i
  return list[best] ?? null
}
