/** JSON as values and as text. Payloads travel and rest as text, and are parsed only where an expression reads them. */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** Text that `JSON.parse` accepts. Made only by {@link toJsonText} or checked by {@link asJsonText}. */
export type JsonText = string & { readonly __json: true }

/** `undefined` becomes `null`, as in JSON arrays. Lone surrogates are written as escapes, so the text is valid Unicode. */
export function toJsonText(value: unknown): JsonText {
  return (JSON.stringify(value) ?? 'null') as JsonText
}

const LONG = 4_096
/** Of an object with more, looking at each member costs more than it saves. */
const FEW_MEMBERS = 32

/**
 * As {@link toJsonText}, for a value that was parsed from well-formed text without a backslash: none of its strings needs one either, so that long ones directly within it are taken
 * as they are instead of being looked through once more.
 */
export function toJsonTextUnescaped(value: Json): JsonText {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return memberText(value)
  const members = Object.entries(value)
  if (members.length > FEW_MEMBERS) return toJsonText(value)
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${memberText(member)}`).join(',')}}` as JsonText
}

function memberText(value: Json): JsonText {
  return typeof value === 'string' && value.length >= LONG ? (`"${value}"` as JsonText) : toJsonText(value)
}

export function parseJson(text: JsonText): Json {
  return JSON.parse(text) as Json
}

/** @throws {SyntaxError} when the text is not JSON. */
export function asJsonText(text: string): JsonText {
  JSON.parse(text)
  return text as JsonText
}
