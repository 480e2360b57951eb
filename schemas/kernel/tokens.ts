/** Words of the kernel language. */
import { KernelProblem, SOURCE_MAX } from './syntax.ts'

export interface Token {
  readonly kind: 'number' | 'name' | 'sign' | 'end'
  readonly text: string
  readonly at: number
}

const SPACE = /(?:\s|\/\/[^\n]*|\/\*[^*]*\*+(?:[^/*][^*]*\*+)*\/)+/y
const NUMBER = /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y
const SIGN = /===|!==|<=|>=|&&|\|\||\+\+|--|\+=|-=|\*=|\/=|[-+*/%<>!=?:;,.(){}[\]]/y

/** @throws {KernelProblem} for a character that no word begins with, and for a text that is too long */
export function tokensOf(source: string): readonly Token[] {
  if (source.length > SOURCE_MAX) {
    throw new KernelProblem(`the kernel has ${source.length} characters; expected at most ${SOURCE_MAX}`)
  }
  const tokens: Token[] = []
  let at = 0
  for (;;) {
    at += match(SPACE, source, at).length
    if (at >= source.length) break
    const token = tokenAt(source, at)
    tokens.push(token)
    at += token.text.length
  }
  tokens.push({ kind: 'end', text: 'the end', at })
  return tokens
}

function tokenAt(source: string, at: number): Token {
  for (const [kind, pattern] of [
    ['number', NUMBER],
    ['name', NAME],
    ['sign', SIGN],
  ] as const) {
    const text = match(pattern, source, at)
    if (text !== '') return { kind, text, at }
  }
  throw unsupported(source, at, `'${source[at]}'`, 'a number, a name or a sign')
}

function match(pattern: RegExp, source: string, at: number): string {
  pattern.lastIndex = at
  return pattern.exec(source)?.[0] ?? ''
}

/** What was found, what was expected and where. */
export function unsupported(source: string, at: number, found: string, expected: string): KernelProblem {
  const lines = source.slice(0, at).split('\n')
  const place = `line ${lines.length}, column ${lines.at(-1)!.length + 1}`
  return new KernelProblem(`${place}: found ${found}; expected ${expected}`)
}
