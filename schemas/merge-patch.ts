import { type Json, type JsonText, parseJson, toJsonText } from './json.ts'

type JsonObject = { readonly [key: string]: Json }

/** JSON merge patch, RFC 7396. @throws {SyntaxError} when either text is not JSON. */
export function mergePatchText(target: JsonText, patch: JsonText): JsonText {
  return toJsonText(mergePatch(parseJson(target), parseJson(patch)))
}

export function mergePatch(target: Json, patch: Json): Json {
  if (!isObject(patch)) return patch
  // a map, so that a key `__proto__` is a key like any other
  const merged = new Map<string, Json>(isObject(target) ? Object.entries(target) : [])
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key)
    else merged.set(key, mergePatch(merged.get(key) ?? null, value))
  }
  return Object.fromEntries(merged)
}

function isObject(value: Json): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
