/**
 * Reads a flow document: YAML, or JSON if it begins with `{` or `[`. Whatever the bytes are, the answer is a plain JSON value or problems; the
 * depth is checked before anything recursive sees the text.
 */
import { Composer, type CST, isAlias, isMap, isScalar, isSeq, Lexer, type Node, Parser } from 'yaml'
import { jsonSyntaxError, lineAndColumn, tooDeepAt } from '../codec/json-scan.ts'
import { decodeUtf8, invalidUtf8At } from '../codec/utf8.ts'
import type { Json } from '../json.ts'
import { type Locate, type Path, type Position, Problems } from './problems.ts'

export const MAX_DOCUMENT_BYTES = 1 << 20
/** Levels of lists and objects in a document. */
export const MAX_DOCUMENT_DEPTH = 100
const MAX_ALIASES = 100

export type ReadSource =
  | { readonly ok: true; readonly value: Json; readonly locate: Locate }
  | { readonly ok: false; readonly problems: Problems }

export function readSource(source: string | Uint8Array): ReadSource {
  const problems = new Problems()
  const size = typeof source === 'string' ? Buffer.byteLength(source) : source.length
  if (size > MAX_DOCUMENT_BYTES) {
    problems.report('TOO_LARGE', [], `the document has ${size} bytes; expected at most ${MAX_DOCUMENT_BYTES}`)
    return { ok: false, problems }
  }
  const text = typeof source === 'string' ? source : decodeUtf8(source)
  if (text === null) {
    const at = invalidUtf8At(source as Uint8Array)
    problems.report('INVALID_UTF8', [], `the document is not valid UTF-8 at byte ${at}; expected UTF-8 text`)
    return { ok: false, problems }
  }
  return /^\s*[{[]/.test(text) ? readJson(text) : readYaml(text)
}

const refusal = (code: string, message: string, position: Position | null): ReadSource => {
  const problems = new Problems(() => position)
  problems.report(code, [], message)
  return { ok: false, problems }
}

const tooDeep = (text: string, offset: number): ReadSource =>
  refusal(
    'TOO_DEEP',
    `lists and objects are nested deeper than ${MAX_DOCUMENT_DEPTH} levels`,
    lineAndColumn(text, offset),
  )

function readJson(text: string): ReadSource {
  const deep = tooDeepAt(Buffer.from(text), MAX_DOCUMENT_DEPTH)
  if (deep >= 0) return tooDeep(text, deep)
  const error = syntaxErrorOf(text)
  if (error !== null) return error
  return readYaml(text, JSON.parse(text) as Json)
}

function syntaxErrorOf(text: string): ReadSource | null {
  try {
    JSON.parse(text)
    return null
  } catch (cause) {
    const error = jsonSyntaxError(text)
    if (error === null) return refusal('INVALID_JSON', `the document is not JSON: ${(cause as Error).message}`, null)
    const { line, column, found, expected } = error
    return refusal('INVALID_JSON', `the document is not JSON: found ${found}, expected ${expected}`, { line, column })
  }
}

/** JSON is read as YAML too, for duplicate keys and positions; its values are then those of `JSON.parse`. */
function readYaml(text: string, json?: Json): ReadSource {
  const tokens = yamlTokens(text)
  if (typeof tokens === 'number') return tooDeep(text, tokens)
  const composer = new Composer({ uniqueKeys: false, stringKeys: json === undefined, strict: json === undefined })
  const [document, second] = [...composer.compose(tokens, true, text.length)]
  if (second !== undefined) {
    return refusal('INVALID_YAML', 'found a second document; expected one', lineAndColumn(text, second.range[0]))
  }
  const fault = json === undefined ? (document?.errors[0] ?? document?.warnings[0]) : undefined
  if (fault !== undefined) {
    return refusal('INVALID_YAML', `the document is not YAML: ${fault.message}`, lineAndColumn(text, fault.pos[0]))
  }
  const root = (document?.contents ?? null) as Node | null
  const locate = locator(root, text)
  const problems = new Problems(locate)
  reportDuplicateKeys(root, [], problems)
  if (!problems.none) return { ok: false, problems }
  try {
    const value = json === undefined ? (document?.toJS({ maxAliasCount: MAX_ALIASES }) as unknown) : json
    checkValues(value, [], problems)
    if (problems.none) return { ok: true, value: value as Json, locate }
  } catch (error) {
    problems.report('INVALID_YAML', [], `the document's aliases cannot be resolved: ${(error as Error).message}`)
  }
  return { ok: false, problems }
}

/** The tokens, or the offset at which they are nested too deep: the parser's own stack tells, and is no recursion. */
function yamlTokens(text: string): CST.Token[] | number {
  const parser = new Parser()
  const tokens: CST.Token[] = []
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token)
    // The document itself and a scalar take an entry each.
    if (parser.stack.length > MAX_DOCUMENT_DEPTH + 2) return Math.min(parser.offset, text.length)
  }
  for (const token of parser.end()) tokens.push(token)
  return tokens
}

function reportDuplicateKeys(node: Node | null, path: Path, problems: Problems): void {
  if (isMap(node)) {
    const seen = new Set<string>()
    for (const pair of node.items) {
      const key = String(isScalar(pair.key) ? pair.key.value : pair.key)
      const at = [...path, key]
      if (seen.has(key)) {
        problems.report('DUPLICATE_KEY', at, `'${key}' is there twice; expected each name once`, 'key')
      }
      seen.add(key)
      reportDuplicateKeys(pair.value as Node | null, at, problems)
    }
  } else if (isSeq(node)) {
    node.items.forEach((item, index) => {
      reportDuplicateKeys(item as Node | null, [...path, index], problems)
    })
  }
}

/** What YAML can say and JSON cannot, or what would be dangerous later. */
function checkValues(value: unknown, path: Path, problems: Problems): void {
  if (path.length > MAX_DOCUMENT_DEPTH) {
    problems.report('TOO_DEEP', path.slice(0, 8), `the document is nested deeper than ${MAX_DOCUMENT_DEPTH} levels`)
  } else if (typeof value === 'string') {
    if (!value.isWellFormed()) {
      problems.report('LONE_SURROGATE', path, 'the text holds half of a surrogate pair; expected whole characters')
    }
  } else if (typeof value === 'number') {
    if (!Number.isFinite(value)) problems.report('INVALID_FIELD', path, `found ${value}; expected a finite number`)
  } else if (Array.isArray(value)) {
    value.forEach((item, index) => {
      checkValues(item, [...path, index], problems)
    })
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, member] of Object.entries(value)) {
      if (key === '__proto__') {
        problems.report('UNKNOWN_FIELD', [...path, key], "'__proto__' is not allowed as a name", 'key')
      } else if (!key.isWellFormed()) {
        problems.report('LONE_SURROGATE', path, 'a name holds half of a surrogate pair; expected whole characters')
      } else checkValues(member, [...path, key], problems)
    }
  } else if (typeof value !== 'boolean' && value !== null) {
    problems.report('INVALID_FIELD', path, `found a ${typeof value}; expected what JSON can hold`)
  }
}

function locator(root: Node | null, text: string): Locate {
  return (path, what) => {
    let node: Node | null = root
    let offset = root?.range?.[0] ?? 0
    for (const [depth, part] of path.entries()) {
      if (isAlias(node)) break
      if (isMap(node)) {
        const pair = node.items.findLast((item) => String(isScalar(item.key) ? item.key.value : item.key) === part)
        if (pair === undefined) break
        const key = pair.key as Node
        const value = pair.value as Node | null
        offset = (what === 'key' && depth === path.length - 1 ? key : (value ?? key)).range?.[0] ?? offset
        node = value
      } else if (isSeq(node) && typeof part === 'number') {
        node = (node.items[part] as Node | undefined) ?? null
        offset = node?.range?.[0] ?? offset
      } else break
    }
    return lineAndColumn(text, offset)
  }
}
