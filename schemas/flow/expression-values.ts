/** Values as JMESPath sees them. Only own members of objects exist: a name like `constructor` finds what is in the data or nothing. */
import type { Json } from '../json.ts'

export type JsonObject = { readonly [key: string]: Json }

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** False are false, null, and the empty string, list and object. */
export function isTrue(value: Json): boolean {
  if (value === null || value === false || value === '') return false
  if (Array.isArray(value)) return value.length > 0
  if (typeof value === 'object') for (const _ in value) return true
  return typeof value !== 'object'
}

export function deepEqual(a: Json, b: Json): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => deepEqual(item, b[i]))
  if (Array.isArray(b)) return false
  const [left, right] = [a as JsonObject, b as JsonObject]
  const keys = Object.keys(left)
  if (keys.length !== Object.keys(right).length) return false
  return keys.every((key) => Object.hasOwn(right, key) && deepEqual(left[key]!, right[key]!))
}

/** Order of two numbers or two texts (by code unit). */
export function compareScalars(a: Json, b: Json): number {
  return (a as string) < (b as string) ? -1 : (a as string) > (b as string) ? 1 : 0
}

/** Sets an own member whatever its name. */
export function setOwn(target: object, key: string, value: Json): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true })
  } else (target as { [key: string]: Json })[key] = value
}
