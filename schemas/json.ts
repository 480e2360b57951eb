/** JSON as values and as text. Payloads travel and rest as text, and are parsed only where an expression reads them. */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** Text that `JSON.parse` accepts. Made only by {@link toJsonText} or checked by {@link asJsonText}. */
export type JsonText = string & { readonly __json: true }

/** `undefined` becomes `null`, as in JSON arrays. Lone surrogates are written as escapes, so the text is valid Unicode. */
export function toJsonText(value: unknown): JsonText {
  return (JSON.stringify(value) ?? 'null') as JsonText
}

export function parseJson(text: JsonText): Json {
  return JSON.parse(text) as Json
}

/** @throws {SyntaxError} when the text is not JSON. */
export function asJsonText(text: string): JsonText {
  JSON.parse(text)
  return text as JsonText
}
