/** What can be told of an SQL text without a database: that it is one statement, and of which kind. Pure. */
import { BlockError } from '../../../block.ts'

const READS = ['select', 'with', 'values', 'table', 'show', 'explain', 'pragma']
const WRITES = [
  'insert',
  'update',
  'delete',
  'merge',
  'replace',
  'create',
  'alter',
  'drop',
  'truncate',
  'comment',
  'refresh',
  'call',
]
const QUERY_MAX_CHARS = 100_000

/** @throws {BlockError} `MISSING_QUERY`; `DB_QUERY_ERROR` for several statements, or one that steps may not run */
export function checkStatement(query: string | undefined, mayWrite: boolean): string {
  if (query === undefined || query.trim() === '')
    throw new BlockError('MISSING_QUERY', "the step's input has no 'query'")
  if (query.length > QUERY_MAX_CHARS)
    throw refused(`the query has ${query.length} characters; expected at most ${QUERY_MAX_CHARS}`)
  const { word, statements } = scan(query)
  if (statements > 1) throw refused('the query has more than one statement; expected one')
  if (statements === 0) throw new BlockError('MISSING_QUERY', "the step's 'query' has no statement")
  if (READS.includes(word) || (mayWrite && WRITES.includes(word))) return query
  if (WRITES.includes(word))
    throw refused(`'${word}' changes data; expected 'write: true' and a connection that allows it`)
  throw refused(`statements that begin with '${word}' are not run; expected one of ${[...READS, ...WRITES].join(', ')}`)
}

interface Scan {
  /** The first word, in lower case. */
  readonly word: string
  readonly statements: number
}

/** Passes over comments, quoted texts and names, and Postgres' dollar quotes. */
function scan(query: string): Scan {
  let word = ''
  let statements = 0
  let empty = true
  for (let at = 0; at < query.length; ) {
    const next = skipped(query, at)
    if (next > at) {
      if (!/^(--|\/\*)/.test(query.slice(at, at + 2)) && empty) [empty, statements] = [false, statements + 1]
      at = next
      continue
    }
    const char = query[at]!
    if (char === ';') empty = true
    else if (!/\s/.test(char)) {
      if (empty) {
        empty = false
        statements++
        if (statements === 1) word = /^\(*\s*([a-z_]*)/i.exec(query.slice(at))![1]!.toLowerCase()
      }
    }
    at++
  }
  return { word, statements }
}

/** Where the comment or quoted text that begins here ends; `at` if none does. An open one takes the rest. */
function skipped(query: string, at: number): number {
  const char = query[at]!
  if (char === "'" || char === '"' || char === '`') return closing(query, at, char)
  if (char === '-' && query[at + 1] === '-') return orEnd(query, query.indexOf('\n', at))
  if (char === '/' && query[at + 1] === '*') return commentEnd(query, at)
  if (char !== '$') return at
  const tag = /^\$(?:[A-Za-z_][A-Za-z0-9_]*)?\$/.exec(query.slice(at, at + 70))?.[0]
  // $1$ cannot begin a text after a name or number
  if (tag === undefined || /[A-Za-z0-9_$]/.test(query[at - 1] ?? ' ')) return at
  const end = query.indexOf(tag, at + tag.length)
  return end < 0 ? query.length : end + tag.length
}

function closing(query: string, from: number, quote: string): number {
  // E'...' has backslashes
  const escapes = quote === "'" && /(?:^|[^A-Za-z0-9_])e$/i.test(query.slice(Math.max(0, from - 2), from))
  for (let at = from + 1; at < query.length; at++) {
    if (escapes && query[at] === '\\') at++
    else if (query[at] === quote) return at + 1
  }
  return query.length
}

/** Comments nest. */
function commentEnd(query: string, from: number): number {
  let depth = 1
  let at = from + 2
  while (at < query.length && depth > 0) {
    const two = query.slice(at, at + 2)
    if (two === '/*') depth++
    else if (two === '*/') depth--
    at += two === '/*' || two === '*/' ? 2 : 1
  }
  return at
}

function orEnd(query: string, at: number): number {
  return at < 0 ? query.length : at
}

function refused(message: string): BlockError {
  return new BlockError('DB_QUERY_ERROR', message, { class: 'permanent' })
}
