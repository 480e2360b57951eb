/**
 * The syntax tree of an expression: what the jmespath package parses, in a form the compiler can check, with what that parser lets through
 * and should not (unfinished strings, missing operands, unknown functions) refused.
 */
import jmespath from 'jmespath'
import type { Json } from '../json.ts'
import { FUNCTIONS } from './expression-functions.ts'
import { didYouMean } from './nearest.ts'

export type Ast =
  | { readonly kind: 'current' }
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'slice'; readonly start: number | null; readonly stop: number | null; readonly step: number }
  | { readonly kind: 'literal'; readonly value: Json }
  /** The second sees what the first gives: `a.b`, `a[0]`, `a | b`. */
  | { readonly kind: 'then'; readonly first: Ast; readonly second: Ast }
  /** `each` for every item of a list, or every member of an object; nulls are left out. */
  | { readonly kind: 'project'; readonly over: 'items' | 'members'; readonly from: Ast; readonly each: Ast }
  | { readonly kind: 'filter'; readonly from: Ast; readonly each: Ast; readonly where: Ast }
  | { readonly kind: 'flatten'; readonly from: Ast }
  | { readonly kind: 'list'; readonly items: readonly Ast[] }
  | { readonly kind: 'object'; readonly members: readonly (readonly [name: string, value: Ast])[] }
  | { readonly kind: 'or' | 'and'; readonly left: Ast; readonly right: Ast }
  | { readonly kind: 'not'; readonly operand: Ast }
  | { readonly kind: 'compare'; readonly operator: Comparator; readonly left: Ast; readonly right: Ast }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Ast[] }
  /** `&x`: only as an argument of a function that takes one. */
  | { readonly kind: 'reference'; readonly to: Ast }

export type Comparator = 'EQ' | 'NE' | 'GT' | 'GTE' | 'LT' | 'LTE'

export class SyntaxProblem extends Error {}
/** A function that does not exist, or is called with too many or too few arguments. */
export class CallProblem extends SyntaxProblem {}

export const MAX_EXPRESSION_BYTES = 4096
export const MAX_EXPRESSION_NODES = 64
export const MAX_EXPRESSION_DEPTH = 16

export interface ExpressionLimits {
  readonly bytes: number
  readonly nodes: number
  readonly depth: number
}

/** Of what is evaluated inside the engine. */
export const ENGINE_LIMITS: ExpressionLimits = {
  bytes: MAX_EXPRESSION_BYTES,
  nodes: MAX_EXPRESSION_NODES,
  depth: MAX_EXPRESSION_DEPTH,
}

/** Of what a step of type `jmespath` evaluates, outside the engine. */
export const STEP_LIMITS: ExpressionLimits = { bytes: 65_536, nodes: 4_096, depth: 256 }

/** @throws {SyntaxProblem} when the text is no JMESPath. @throws {RangeError} when it exceeds a bound. */
export function parseExpression(text: string, limits: ExpressionLimits = ENGINE_LIMITS): Ast {
  const bytes = Buffer.byteLength(text)
  if (bytes > limits.bytes) {
    throw new RangeError(`the expression has ${bytes} bytes; expected at most ${limits.bytes}`)
  }
  if (text.trim() === '') throw new SyntaxProblem('the expression is empty')
  checkQuotes(text)
  return readAst(parsed(text), limits)
}

// The package's types leave `compile` out.
const library = jmespath as unknown as { compile(text: string): unknown }

function parsed(text: string): unknown {
  try {
    return library.compile(text)
  } catch (cause) {
    const hyphen = /\b(?:steps|input|vars)((?:\.[A-Za-z_]\w*)*)\.([A-Za-z_]\w*(?:-\w+)+)/.exec(text)
    const found =
      hyphen === null
        ? syntaxMessage((cause as Error).message, text)
        : `a name with a hyphen needs quotes: ."${hyphen[2]}"`
    throw new SyntaxProblem(`the expression does not parse: ${found}`, { cause })
  }
}

/** What the package's messages mean; it names tokens, and for some mistakes stumbles. */
function syntaxMessage(message: string, text: string): string {
  if (message.includes('EOF')) return 'it ends where more is expected'
  const [, kind, token] = /(\w+)(?:\): "|, value: )(.*?)"?$/.exec(message) ?? []
  if (kind === 'Number' && token !== 'NaN')
    return 'found a number where none may stand; numbers are written in backquotes, such as `10`'
  if (token !== undefined && token !== '') return `found '${token === 'NaN' ? '-' : token}' where it may not stand`
  const expected = /^Expected (\w+), got: (\w+)$/.exec(message)
  if (expected !== null) return `found ${tokenName(expected[2]!)}, expected ${tokenName(expected[1]!)}`
  if (!message.startsWith('Cannot read')) return message
  return /[^=!<>]=[^=]/.test(text) ? "found a single '='; expected '=='" : 'an operand is missing'
}

const TOKENS: { readonly [kind: string]: string } = {
  Lparen: "'('",
  Rparen: "')'",
  Rbracket: "']'",
  Rbrace: "'}'",
  Star: "an index, '*', '?' or ':'",
  Colon: "':'",
  Comma: "','",
  Number: 'a number',
  UnquotedIdentifier: 'a name',
  QuotedIdentifier: 'a quoted name',
}

const tokenName = (kind: string): string => TOKENS[kind] ?? kind

/** Offset after the quoted part that begins at `at`, or -1 if it does not end. */
export function skipQuoted(text: string, at: number): number {
  const quote = text[at]!
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === '\\' && (text[i + 1] === '\\' || text[i + 1] === quote)) i++
    else if (text[i] === quote) return i + 1
  }
  return -1
}

export function isQuote(char: string): boolean {
  return char === "'" || char === '"' || char === '`'
}

function checkQuotes(text: string): void {
  for (let i = 0; i < text.length; ) {
    const next = isQuote(text[i]!) ? skipQuoted(text, i) : i + 1
    if (next < 0)
      throw new SyntaxProblem(`the expression does not parse: the ${text[i]} at column ${i + 1} is not closed`)
    i = next
  }
}

interface RawNode {
  readonly type: string
  readonly name?: unknown
  readonly value?: unknown
  readonly children?: readonly unknown[]
}

/** `reference`: whether `&x` may stand here. */
type Read = (raw: unknown, depth: number, reference?: boolean) => Ast

/** @throws {SyntaxProblem | RangeError} */
function readAst(root: unknown, limits: ExpressionLimits): Ast {
  let nodes = 0
  const read: Read = (raw, depth, reference = false) => {
    if (typeof raw !== 'object' || raw === null) {
      throw new SyntaxProblem('the expression does not parse: an operand is missing')
    }
    const node = raw as RawNode
    if (node.type !== 'Identity' && ++nodes > limits.nodes) {
      throw new RangeError(`the expression has more than ${limits.nodes} nodes`)
    }
    if (depth > limits.depth) {
      throw new RangeError(`the expression is deeper than ${limits.depth} levels`)
    }
    if ((node.type === 'ExpressionReference') !== reference) {
      throw new SyntaxProblem(
        reference ? 'the function takes an expression here, such as &price' : "'&' may not stand here",
      )
    }
    return convert(node, read, depth)
  }
  return read(root, 1)
}

/** Kinds of nodes that look into their first operand. */
const LOOKS_INTO = ['Subexpression', 'IndexExpression', 'Projection', 'ValueProjection', 'FilterProjection', 'Flatten']

/** `!a.b` is `(!a).b` in JMESPath, which is always null: nobody means that. */
function refuseLookIntoNot(node: RawNode): void {
  const first = node.children?.[0] as RawNode | undefined
  if (first?.type !== 'NotExpression' || !LOOKS_INTO.includes(node.type)) return
  throw new SyntaxProblem("'!' binds tighter than '.', so this is always null; write !(...) around the whole")
}

function convert(node: RawNode, read: Read, depth: number): Ast {
  refuseLookIntoNot(node)
  const child = (index: number): Ast => read(node.children?.[index], depth + 1)
  switch (node.type) {
    case 'Identity':
    case 'Current':
      return { kind: 'current' }
    case 'Field':
      return { kind: 'field', name: node.name as string }
    case 'Index':
      return { kind: 'index', index: integer(node.value) }
    case 'Slice':
      return slice(node.children as readonly (number | null)[])
    case 'Literal':
      return { kind: 'literal', value: literal(node.value) }
    case 'Subexpression':
    case 'IndexExpression':
    case 'Pipe':
      return { kind: 'then', first: child(0), second: child(1) }
    case 'Projection':
      return { kind: 'project', over: 'items', from: child(0), each: child(1) }
    case 'ValueProjection':
      return { kind: 'project', over: 'members', from: child(0), each: child(1) }
    case 'FilterProjection':
      return { kind: 'filter', from: child(0), each: child(1), where: child(2) }
    case 'Flatten':
      return { kind: 'flatten', from: child(0) }
    case 'MultiSelectList':
      return { kind: 'list', items: node.children!.map((_, index) => child(index)) }
    case 'MultiSelectHash':
      return { kind: 'object', members: (node.children as RawNode[]).map((pair) => member(pair, read, depth)) }
    case 'OrExpression':
      return { kind: 'or', left: child(0), right: child(1) }
    case 'AndExpression':
      return { kind: 'and', left: child(0), right: child(1) }
    case 'NotExpression':
      return { kind: 'not', operand: child(0) }
    case 'Comparator':
      return { kind: 'compare', operator: node.name as Comparator, left: child(0), right: child(1) }
    case 'Function':
      return call(node, read, depth)
    case 'ExpressionReference':
      return { kind: 'reference', to: child(0) }
    default:
      throw new SyntaxProblem(`the expression does not parse: unknown construct ${node.type}`)
  }
}

function member(pair: RawNode, read: Read, depth: number): readonly [string, Ast] {
  if (pair.name === '__proto__') throw new SyntaxProblem("'__proto__' is not allowed as a name")
  return [pair.name as string, read(pair.value, depth + 1)]
}

function integer(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw new SyntaxProblem('the expression does not parse: expected a whole number')
  return value as number
}

function slice(parts: readonly (number | null)[]): Ast {
  const [start, stop, step] = [0, 1, 2].map((at) => (parts[at] === null ? null : integer(parts[at])))
  if (step === 0) throw new SyntaxProblem('the step of a slice is 0; expected any other number')
  return { kind: 'slice', start: start ?? null, stop: stop ?? null, step: step ?? 1 }
}

function literal(value: unknown, depth = 1): Json {
  if (depth > MAX_EXPRESSION_DEPTH) throw new RangeError(`a literal is deeper than ${MAX_EXPRESSION_DEPTH} levels`)
  if (value === undefined) throw new SyntaxProblem('the expression does not parse: a literal is missing')
  if (typeof value === 'string' && !value.isWellFormed())
    throw new SyntaxProblem('a literal holds half of a surrogate pair')
  if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) literal(part, depth + 1)
  return value as Json
}

function call(node: RawNode, read: Read, depth: number): Ast {
  if (typeof node.name !== 'string') throw new SyntaxProblem('the expression does not parse: only a name can be called')
  const found = FUNCTIONS.get(node.name)
  if (found === undefined) {
    throw new CallProblem(`unknown function '${node.name}'${didYouMean(node.name, FUNCTIONS.keys())}`)
  }
  const given = node.children!
  const wanted = found.args.length
  if (found.variadic ? given.length < wanted : given.length !== wanted) {
    throw new CallProblem(
      `${node.name}() is given ${given.length} arguments; expected ${wanted}${found.variadic ? ' or more' : ''}`,
    )
  }
  const args = given.map((arg, index) => read(arg, depth + 1, found.args[index]?.includes('reference') ?? false))
  return { kind: 'call', name: node.name, args }
}
