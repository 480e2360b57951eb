/** Reads the fields of a document; what is not as expected is reported and answered with `null`. */
import type { Json } from '../json.ts'
import { parseDuration } from './duration.ts'
import type { JsonObject } from './expression-values.ts'
import { isObject } from './expression-values.ts'
import { didYouMean, nearest } from './nearest.ts'
import { type Path, type Problems, show } from './problems.ts'

export function objectAt(value: Json | undefined, at: Path, what: string, problems: Problems): JsonObject | null {
  if (isObject(value)) return value
  problems.report('INVALID_FIELD', at, `found ${show(value)}; expected ${what}`)
  return null
}

export function listAt(value: Json | undefined, at: Path, what: string, problems: Problems): readonly Json[] {
  if (Array.isArray(value)) return value as readonly Json[]
  problems.report('INVALID_FIELD', at, `found ${show(value)}; expected ${what}`)
  return []
}

export function textAt(value: Json | undefined, at: Path, what: string, problems: Problems): string | null {
  if (typeof value === 'string') return value
  problems.report('INVALID_FIELD', at, `found ${show(value)}; expected ${what}`)
  return null
}

/** A whole number from `min` to `max`. */
export function integerAt(value: Json, at: Path, min: number, max: number, problems: Problems): number | null {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number
  problems.report('INVALID_FIELD', at, `found ${show(value)}; expected a whole number from ${min} to ${max}`)
  return null
}

/** Milliseconds of a length of time such as `200ms`. */
export function durationAt(value: Json, at: Path, problems: Problems, min = 0): number | null {
  const ms = typeof value === 'string' ? parseDuration(value) : null
  if (ms !== null && ms >= min) return ms
  const hint = typeof value === 'number' ? `; for milliseconds write '${value}ms'` : ''
  const least = min > 0 ? `, at least ${min}ms` : ''
  const expected = `a length of time such as 200ms, 10s, 5m, 24h or 7d${least}, at most 3650d`
  problems.report('INVALID_FIELD', at, `found ${show(value)}; expected ${expected}${hint}`)
  return null
}

export function choiceAt<const T extends string>(
  value: Json,
  choices: readonly T[],
  at: Path,
  problems: Problems,
): T | null {
  if (typeof value === 'string' && (choices as readonly string[]).includes(value)) return value as T
  const hint = typeof value === 'string' ? didYouMean(value, choices) : ''
  problems.report('INVALID_FIELD', at, `found ${show(value)}; expected ${choices.join(', ')}${hint}`)
  return null
}

export interface Names {
  readonly known: readonly string[]
  /** Of the flow language, but not of this version. */
  readonly later?: readonly string[]
}

/** Reports the fields of an object that do not belong there. */
export function checkNames(object: JsonObject, names: Names, at: Path, problems: Problems): void {
  const later = names.later ?? []
  for (const name of Object.keys(object)) {
    if (names.known.includes(name)) continue
    const path = [...at, name]
    if (later.includes(name)) {
      problems.report('NOT_SUPPORTED_YET', path, `this version does not have '${name}' yet`, 'key')
      continue
    }
    const all = [...names.known, ...later]
    const hint = nearest(name, all) === null ? `; expected one of ${names.known.join(', ')}` : didYouMean(name, all)
    problems.report('UNKNOWN_FIELD', path, `unknown field '${name}'${hint}`, 'key')
  }
}

/** The value of a field that has an older name too; having both is reported. */
export function aliased(
  object: JsonObject,
  name: string,
  alias: string,
  at: Path,
  problems: Problems,
): Json | undefined {
  if (object[alias] === undefined) return object[name]
  if (object[name] === undefined) return object[alias]
  problems.report(
    'INVALID_FIELD',
    [...at, alias],
    `'${alias}' is an older name of '${name}'; expected one of them`,
    'key',
  )
  return object[name]
}
