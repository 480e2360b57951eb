/** Request bodies of commands: strict JSON objects of known fields. Every refusal says where, what was found and what was expected. */
import { jsonSyntaxError, lineAndColumn, tooDeepAt } from '../../schemas/codec/json-scan.ts'
import { decodeUtf8, invalidUtf8At } from '../../schemas/codec/utf8.ts'
import { didYouMean, expectedOneOf } from '../../schemas/flow/nearest.ts'
import type { Json } from '../../schemas/json.ts'
import { type ErrorDetails, RequestError } from '../errors.ts'

/** Levels of lists and objects. */
const MAX_DEPTH = 100

/** Reads a value that is there; throws through {@link wrong}. */
export type Read<T> = (value: Json, path: string) => T
export type Reads = { readonly [field: string]: Read<unknown> }
export type ReadOf<R extends Reads> = { readonly [K in keyof R]: ReturnType<R[K]> | undefined }

/** The fields of the body, absent ones `undefined`; an empty body is an empty object. @throws {RequestError} */
export function readBody<R extends Reads>(body: unknown, reads: R): ReadOf<R> {
  if (!(body instanceof Uint8Array) || body.length === 0) return readFields({}, '', reads)
  return readFields(parseBody(body), '', reads)
}

/** Nested fields of an object. */
export function readFields<R extends Reads>(value: Json, path: string, reads: R): ReadOf<R> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) wrong(path, value, 'an object')
  const result: { [name: string]: unknown } = {}
  for (const [name, member] of Object.entries(value as { readonly [name: string]: Json })) {
    const at = path === '' ? name : `${path}.${name}`
    const read = Object.hasOwn(reads, name) ? reads[name] : undefined
    if (read === undefined) throw unknownField(at, name, Object.keys(reads))
    result[name] = read(member, at)
  }
  return result as ReadOf<R>
}

export const text = (maxLength: number): Read<string> => {
  return (value, path) => {
    if (typeof value === 'string' && value.length > 0 && value.length <= maxLength && value.isWellFormed()) return value
    return wrong(path, value, `a text of 1 to ${maxLength} characters`)
  }
}

export const number = (min: number, max: number): Read<number> => {
  return (value, path) => {
    if (typeof value === 'number' && value >= min && value <= max) return value
    return wrong(path, value, `a number from ${min} to ${max}`)
  }
}

export const integer = (min: number, max: number): Read<number> => {
  return (value, path) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
    return wrong(path, value, `an integer from ${min} to ${max}`)
  }
}

export const boolean: Read<boolean> = (value, path) => {
  return typeof value === 'boolean' ? value : wrong(path, value, 'true or false')
}

export const oneOf = <const T extends string>(values: readonly T[]): Read<T> => {
  return (value, path) => {
    if (typeof value === 'string' && (values as readonly string[]).includes(value)) return value as T
    const hint = typeof value === 'string' ? didYouMean(value, values) : ''
    return wrong(path, value, `${values.join(', ')}${hint}`)
  }
}

export const orNull = <T>(read: Read<T>): Read<T | null> => {
  return (value, path) => (value === null ? null : read(value, path))
}

export const listOf = <T>(read: Read<T>, maxLength: number): Read<readonly T[]> => {
  return (value, path) => {
    if (!Array.isArray(value) || value.length > maxLength) wrong(path, value, `a list of at most ${maxLength}`)
    return (value as readonly Json[]).map((item, index) => read(item, `${path}[${index}]`))
  }
}

export function wrong(path: string, found: Json, expected: string): never {
  const json = JSON.stringify(found)
  const shown = json.length > 100 ? `${json.slice(0, 100)}...` : json
  const where = path === '' ? 'the body' : `\`${path}\``
  throw new RequestError('invalid_request', `${where} is ${shown}; expected ${expected}`, {
    details: { code: 'INVALID_FIELD', path, expected },
  })
}

export function missing(path: string): never {
  throw invalid('MISSING_FIELD', `\`${path}\` is missing`, { path })
}

/** @throws {RequestError} with the position of what is no JSON */
export function parseBody(bytes: Uint8Array): Json {
  const source = decodeUtf8(bytes)
  if (source === null) {
    const at = invalidUtf8At(bytes)
    throw invalid('INVALID_UTF8', `the body is not valid UTF-8 at byte ${at}; expected UTF-8 text`, { byte: at })
  }
  const deep = tooDeepAt(bytes, MAX_DEPTH)
  if (deep >= 0) {
    const position = lineAndColumn(source, deep)
    throw invalid('TOO_DEEP', `lists and objects are nested deeper than ${MAX_DEPTH} levels`, position)
  }
  try {
    return JSON.parse(source) as Json
  } catch {
    const fault = jsonSyntaxError(source)
    if (fault === null) throw invalid('INVALID_JSON', 'the body is not JSON', {})
    const { line, column, found, expected } = fault
    const message = `the body is not JSON: found ${found}, expected ${expected} at line ${line}, column ${column}`
    throw invalid('INVALID_JSON', message, { line, column })
  }
}

function unknownField(path: string, name: string, known: readonly string[]): RequestError {
  const message = `\`${path}\` is not known${expectedOneOf(name, known)}`
  return invalid('UNKNOWN_FIELD', message, { path })
}

function invalid(code: string, message: string, details: ErrorDetails): RequestError {
  return new RequestError('invalid_request', message, { details: { code, ...details } })
}
