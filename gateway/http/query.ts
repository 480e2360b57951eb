/** Query parameters: each is checked, unknown ones are refused with the nearest name. */
import type { FastifyRequest } from 'fastify'
import { didYouMean, expectedOneOf } from '../../schemas/flow/nearest.ts'
import { RequestError } from '../errors.ts'

export type Query<N extends string> = { readonly [K in N]: string | undefined }

/** @throws {RequestError} for a parameter that is not among `names`, or is there twice */
export function queryOf<const N extends string>(request: FastifyRequest, names: readonly N[]): Query<N> {
  const given = request.query as { readonly [name: string]: unknown }
  for (const name in given) {
    if (!(names as readonly string[]).includes(name)) {
      const expected = names.length === 0 ? '; there is none here' : expectedOneOf(name, names)
      refuse(name, `the parameter '${name}' is not known${expected}`)
    }
    if (typeof given[name] !== 'string')
      refuse(name, `the parameter '${name}' is there more than once; expected it once`)
  }
  return given as Query<N>
}

const DURATION = /^(\d{1,9})(ms|s|m|h)$/
const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const

/** `30s`, `500ms`, `2m`; 0 if absent. Longer than `maxMs` counts as `maxMs`. @throws {RequestError} */
export function durationOf(name: string, text: string | undefined, maxMs: number): number {
  if (text === undefined) return 0
  const match = DURATION.exec(text)
  if (match === null) return refuse(name, `'${name}' is ${quoted(text)}; expected a duration such as 30s or 500ms`)
  return Math.min(Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS], maxMs)
}

/** @throws {RequestError} */
export function integerOf(name: string, text: string | undefined, min: number, max: number, fallback: number): number {
  if (text === undefined) return fallback
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  return refuse(name, `'${name}' is ${quoted(text)}; expected an integer from ${min} to ${max}`)
}

/** @throws {RequestError} */
export function oneOf<const T extends string>(name: string, text: string | undefined, values: readonly T[]): T | null {
  if (text === undefined) return null
  if ((values as readonly string[]).includes(text)) return text as T
  return refuse(name, `'${name}' is ${quoted(text)}; expected ${values.join(', ')}${didYouMean(text, values)}`)
}

export function refuse(name: string, message: string): never {
  throw new RequestError('invalid_request', message, { details: { code: 'INVALID_PARAMETER', path: name } })
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text)
}
