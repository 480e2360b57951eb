/** Looks at JSON text without building values: how deep it is, and where it stops being JSON. */

/** Offset of the bracket that opens level `limit + 1`, or -1. Takes UTF-8 bytes; does not care whether they are valid JSON. */
export function tooDeepAt(bytes: Uint8Array, limit: number): number {
  if (!hasMoreBrackets(bytes, limit)) return -1
  let depth = 0
  let inString = false
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (inString) {
      if (byte === 0x5c) i++
      else if (byte === 0x22) inString = false
    } else if (byte === 0x22) inString = true
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > limit) return i
    } else if (byte === 0x7d || byte === 0x5d) depth--
  }
  return -1
}

/** Searched natively: most texts have few brackets, and are then no deeper than that. */
function hasMoreBrackets(bytes: Uint8Array, limit: number): boolean {
  let count = 0
  for (const bracket of OPENING) {
    for (let at = bytes.indexOf(bracket); at >= 0; at = bytes.indexOf(bracket, at + 1)) if (++count > limit) return true
  }
  return false
}

const OPENING = [0x7b, 0x5b]

export interface JsonSyntaxError {
  /** In UTF-16 units. */
  readonly offset: number
  readonly line: number
  readonly column: number
  readonly expected: string
  readonly found: string
}

type Expect = 'a value' | "a value or ']'" | "a key or '}'" | 'a key' | "':'" | "',' or '}'" | "',' or ']'" | 'the end'

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const WORD = /true|false|null/y

/** The first place where `text` is not JSON, or `null` if it is. Slow and exact; for messages only. */
export function jsonSyntaxError(text: string): JsonSyntaxError | null {
  const open: string[] = []
  let expect: Expect = 'a value'
  let at = skipSpace(text, 0)
  const afterValue = (): Expect =>
    open.length === 0 ? 'the end' : open[open.length - 1] === '{' ? "',' or '}'" : "',' or ']'"
  while (at < text.length) {
    const char = text[at]!
    let end = at + 1
    if (expect === 'the end') return fault(text, at, expect)
    if (expect === 'a value' || expect === "a value or ']'") {
      if (char === '{' || char === '[') {
        open.push(char)
        expect = char === '{' ? "a key or '}'" : "a value or ']'"
      } else if (char === ']' && expect === "a value or ']'") {
        open.pop()
        expect = afterValue()
      } else {
        end = scalarEnd(text, at)
        if (end < 0) return fault(text, char === '"' ? -end : at, char === '"' ? 'the rest of the string' : expect)
        expect = afterValue()
      }
    } else if (expect === 'a key' || expect === "a key or '}'") {
      if (char === '}' && expect === "a key or '}'") {
        open.pop()
        expect = afterValue()
      } else {
        end = char === '"' ? stringEnd(text, at) : -at
        if (end <= 0) return fault(text, char === '"' ? -end : at, char === '"' ? 'the rest of the string' : expect)
        expect = "':'"
      }
    } else if (expect === "':'") {
      if (char !== ':') return fault(text, at, expect)
      expect = 'a value'
    } else if (char === ',') expect = open[open.length - 1] === '{' ? 'a key' : 'a value'
    else if (char === expect[8]) {
      open.pop()
      expect = afterValue()
    } else return fault(text, at, expect)
    at = skipSpace(text, end)
  }
  return expect === 'the end' ? null : fault(text, text.length, expect)
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (at < text.length && ' \t\n\r'.includes(text[at]!)) at++
  return at
}

/** Where a string, number or word ends; minus the offset of the fault if it is none. */
function scalarEnd(text: string, at: number): number {
  if (text[at] === '"') return stringEnd(text, at)
  for (const pattern of [NUMBER, WORD]) {
    pattern.lastIndex = at
    if (pattern.test(text)) return pattern.lastIndex
  }
  return -at || -1
}

function stringEnd(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const char = text[at]!
    if (char === '"') return at + 1
    if (char < ' ') return -at
    if (char === '\\') {
      const escaped = text[++at] ?? ''
      if (escaped === 'u' && /^[0-9a-fA-F]{4}$/.test(text.slice(at + 1, at + 5))) at += 4
      else if (escaped === '' || !'"\\/bfnrt'.includes(escaped)) return -at
    }
  }
  return -text.length
}

function fault(text: string, offset: number, expected: string): JsonSyntaxError {
  const found = offset >= text.length ? 'the end' : `'${String.fromCodePoint(text.codePointAt(offset)!)}'`
  return { offset, ...lineAndColumn(text, offset), expected, found }
}

/** Line and column, both from 1, of an offset. */
export function lineAndColumn(text: string, offset: number): { readonly line: number; readonly column: number } {
  let line = 1
  let start = 0
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) {
    line++
    start = at + 1
  }
  return { line, column: offset - start + 1 }
}
