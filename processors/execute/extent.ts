/** How much a value is, to decide where it is worked on. */
import type { Json } from '../../schemas/json.ts'

/** Lists and objects within each other, at most. */
export const MAX_DEPTH = 512

/** Values and characters, names included; `Infinity` if it is nested more than {@link MAX_DEPTH} deep. */
export function extentOf(value: Json, depth = 0): number {
  if (typeof value === 'string') return 1 + value.length
  if (typeof value !== 'object' || value === null) return 1
  if (depth >= MAX_DEPTH) return Number.POSITIVE_INFINITY
  let extent = 1
  if (Array.isArray(value)) for (const item of value as readonly Json[]) extent += extentOf(item, depth + 1)
  else for (const name of Object.keys(value)) extent += name.length + extentOf((value as never)[name], depth + 1)
  return extent
}

/** Whether a value is nested more than {@link MAX_DEPTH} deep; a tenth of what it takes to write it as text. */
export function isTooDeep(value: unknown, levels = MAX_DEPTH): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levels === 0) return true
  if (Array.isArray(value)) {
    // a loop over names would turn each index into a text
    for (let i = 0; i < value.length; i++) {
      const item: unknown = value[i]
      if (typeof item === 'object' && item !== null && isTooDeep(item, levels - 1)) return true
    }
    return false
  }
  const members = value as { readonly [name: string]: unknown }
  for (const name in members) {
    const member = members[name]
    if (typeof member === 'object' && member !== null && isTooDeep(member, levels - 1)) return true
  }
  return false
}

/** Whether JSON text is nested more than {@link MAX_DEPTH} deep. */
export function isTextTooDeep(json: string): boolean {
  if (json.length <= 2 * MAX_DEPTH) return false
  let depth = 0
  for (let at = 0; at < json.length; at++) {
    const char = json.charCodeAt(at)
    if (char === 0x22) at = endOfText(json, at)
    else if (char === 0x5b || char === 0x7b) {
      if (++depth > MAX_DEPTH) return true
    } else if (char === 0x5d || char === 0x7d) depth--
  }
  return false
}

/** Where the text that begins at the quote ends. */
function endOfText(json: string, from: number): number {
  let at = from
  do at = json.indexOf('"', at + 1)
  while (at > 0 && backslashesBefore(json, at) % 2 === 1)
  return at < 0 ? json.length : at
}

function backslashesBefore(json: string, at: number): number {
  let first = at
  while (json.charCodeAt(first - 1) === 0x5c) first--
  return at - first
}
