/** Expressions of the kernel language: parsed, with their types checked. */
import {
  type BinaryOperator,
  DEPTH_MAX,
  type Expression,
  FUNCTIONS,
  type KernelProblem,
  NODES_MAX,
  NUMBERS,
  RANK_MAX,
  type Type,
  UNKNOWN_RANK,
} from './syntax.ts'
import { type Token, tokensOf, unsupported } from './tokens.ts'

export interface Typed {
  readonly type: Type
  readonly tree: Expression
}

/** What names mean where an expression stands. */
export interface Names {
  /** `null` for a name that is not known; the rank of an array, 0 for a number, or {@link UNKNOWN_RANK}. */
  rankOf(name: string): number | null
  /** The type of a variable. */
  typeOf(name: string): Type
  /** Of `this.constants`; `undefined` if there is none. */
  constant(name: string): number | undefined
  /** Whether `this.thread` means something here. */
  readonly threads: boolean
}

/** Operators from the loosest to the tightest. */
const LEVELS: readonly (readonly BinaryOperator[])[] = [
  ['||'],
  ['&&'],
  ['===', '!=='],
  ['<', '<=', '>', '>='],
  ['+', '-'],
  ['*', '/', '%'],
]
const HINTS: { readonly [word: string]: string } = { '=': "'===' for a comparison", '!': "'!==' for a comparison" }

/** A text with the place reached in it. Lives for one parse. */
export class Reader {
  readonly source: string
  readonly #tokens: readonly Token[]
  #next = 0
  #depth = 0
  /** Nodes so far, which is also the work of running each once. */
  nodes = 0

  constructor(source: string) {
    this.source = source
    this.#tokens = tokensOf(source)
  }

  get token(): Token {
    return this.#tokens[this.#next]!
  }

  is(text: string): boolean {
    return this.token.text === text && this.token.kind !== 'end'
  }

  take(): Token {
    const { token } = this
    if (token.kind !== 'end') this.#next++
    return token
  }

  taken(text: string): boolean {
    if (!this.is(text)) return false
    this.#next++
    return true
  }

  expect(text: string): void {
    if (!this.taken(text)) throw this.wrong(`'${text}'`)
  }

  name(what: string): Token {
    if (this.token.kind !== 'name') throw this.wrong(what)
    return this.take()
  }

  wrong(expected: string, token = this.token): KernelProblem {
    const found = token.kind === 'end' ? token.text : `'${token.text}'`
    return unsupported(this.source, token.at, found, expected)
  }

  /** Runs `parse` one level deeper. */
  within<T>(parse: () => T): T {
    if (++this.#depth > DEPTH_MAX) throw this.wrong(`at most ${DEPTH_MAX} levels`)
    if (++this.nodes > NODES_MAX) throw this.wrong(`at most ${NODES_MAX} parts`)
    const result = parse()
    this.#depth--
    return result
  }
}

/** @throws {KernelProblem} */
export function parseExpression(reader: Reader, names: Names): Typed {
  return reader.within(() => {
    const test = binary(reader, names, 0)
    if (!reader.is('?')) return test
    const at = reader.take()
    if (test.type !== 'boolean') throw reader.wrong("a comparison before '?'", at)
    const yes = parseExpression(reader, names)
    reader.expect(':')
    const from = reader.token
    const no = parseExpression(reader, names)
    if (yes.type !== no.type) throw reader.wrong(`a ${yes.type}, as before ':'`, from)
    return { type: yes.type, tree: { kind: 'choice', test: test.tree, yes: yes.tree, no: no.tree } }
  })
}

/** An expression that must be a number. */
export function parseNumber(reader: Reader, names: Names): Expression {
  return ofType(reader, 'number', () => parseExpression(reader, names))
}

/** An expression that must be true or false. */
export function parseTest(reader: Reader, names: Names): Expression {
  return ofType(reader, 'boolean', () => parseExpression(reader, names))
}

function ofType(reader: Reader, type: Type, parse: () => Typed): Expression {
  const from = reader.token
  const found = parse()
  if (found.type !== type) throw reader.wrong(type === 'number' ? 'a number' : 'a comparison', from)
  return found.tree
}

function binary(reader: Reader, names: Names, level: number): Typed {
  const operators = LEVELS[level]
  if (operators === undefined) return unary(reader, names)
  let left = binary(reader, names, level + 1)
  for (;;) {
    const sign = reader.token
    const operator = operators.find((known) => reader.is(known))
    if (operator === undefined) {
      const hint = HINTS[sign.text]
      if (hint !== undefined && level === 2 && sign.kind === 'sign') throw reader.wrong(hint)
      return left
    }
    reader.take()
    const right = reader.within(() => binary(reader, names, level + 1))
    const wants: Type = level < 2 ? 'boolean' : 'number'
    if (left.type !== wants || right.type !== wants) throw reader.wrong(`'${operator}' between two ${wants}s`, sign)
    const tree: Expression = { kind: 'binary', operator, left: left.tree, right: right.tree }
    left = { type: level < 4 ? 'boolean' : 'number', tree }
  }
}

function unary(reader: Reader, names: Names): Typed {
  const sign = reader.token
  if (reader.taken('-')) {
    return { type: 'number', tree: { kind: 'unary', operator: '-', of: operand(reader, names, 'number') } }
  }
  if (reader.taken('+')) return { type: 'number', tree: operand(reader, names, 'number') }
  if (reader.taken('!')) {
    return { type: 'boolean', tree: { kind: 'unary', operator: '!', of: operand(reader, names, 'boolean') } }
  }
  if (reader.taken('(')) {
    const inner = parseExpression(reader, names)
    reader.expect(')')
    return inner
  }
  if (sign.kind === 'number') return literal(reader)
  if (sign.kind === 'name') return named(reader, names)
  throw reader.wrong('a number, a name or a bracket')
}

function operand(reader: Reader, names: Names, type: Type): Expression {
  return ofType(reader, type, () => reader.within(() => unary(reader, names)))
}

function literal(reader: Reader): Typed {
  const token = reader.take()
  const value = Math.fround(Number(token.text))
  if (!Number.isFinite(value)) throw reader.wrong('a number of 32 bits', token)
  return { type: 'number', tree: { kind: 'literal', value } }
}

function named(reader: Reader, names: Names): Typed {
  const token = reader.take()
  if (token.text === 'this') return ofThis(reader, names)
  if (token.text === 'Math') return ofMath(reader, names)
  const rank = names.rankOf(token.text)
  if (rank === null) throw reader.wrong('a parameter, a variable, Math or this.thread', token)
  if (rank > 0) return element(reader, names, token, rank)
  if (rank === UNKNOWN_RANK && reader.is('[')) return element(reader, names, token, RANK_MAX)
  return { type: names.typeOf(token.text), tree: { kind: 'variable', name: token.text } }
}

function element(reader: Reader, names: Names, array: Token, rank: number): Typed {
  const at: Expression[] = []
  for (let i = 0; i < rank; i++) {
    if (i > 0 && names.rankOf(array.text) === UNKNOWN_RANK && !reader.is('[')) break
    if (!reader.taken('[')) throw reader.wrong(`'[', since '${array.text}' has ${rank} dimensions`)
    at.push(parseNumber(reader, names))
    reader.expect(']')
  }
  if (reader.is('[')) throw reader.wrong(`one element of '${array.text}', which has ${rank} dimensions`)
  return { type: 'number', tree: { kind: 'element', array: array.text, at } }
}

function ofThis(reader: Reader, names: Names): Typed {
  reader.expect('.')
  const group = reader.name('thread or constants')
  reader.expect('.')
  const member = reader.name('a member')
  if (group.text === 'thread' && names.threads) {
    const axis = member.text
    if (axis !== 'x' && axis !== 'y' && axis !== 'z') throw reader.wrong('x, y or z', member)
    return { type: 'number', tree: { kind: 'thread', axis } }
  }
  if (group.text !== 'constants') throw reader.wrong(names.threads ? 'thread or constants' : 'constants', group)
  if (names.constant(member.text) === undefined) throw reader.wrong('the name of a constant', member)
  return { type: 'number', tree: { kind: 'constant', name: member.text } }
}

function ofMath(reader: Reader, names: Names): Typed {
  reader.expect('.')
  const member = reader.name('a member of Math')
  const number = Object.hasOwn(NUMBERS, member.text) ? NUMBERS[member.text] : undefined
  if (number !== undefined) return { type: 'number', tree: { kind: 'literal', value: Math.fround(number) } }
  const arity = Object.hasOwn(FUNCTIONS, member.text) ? FUNCTIONS[member.text] : undefined
  if (arity === undefined) throw reader.wrong(`one of ${Object.keys(FUNCTIONS).join(', ')}, PI and E`, member)
  reader.expect('(')
  const args: Expression[] = []
  for (let i = 0; i < arity; i++) {
    if (i > 0) reader.expect(',')
    args.push(parseNumber(reader, names))
  }
  reader.expect(')')
  return { type: 'number', tree: { kind: 'call', name: member.text, args } }
}
