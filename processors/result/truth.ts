import type { Json } from '../../schemas/json.ts'

/** JMESPath's truth: null, false, and an empty string, list or object are false. */
export function isTrue(value: Json): boolean {
  if (value === null || value === false || value === '') return false
  if (typeof value !== 'object') return true
  return Array.isArray(value) ? value.length > 0 : Object.keys(value).length > 0
}
