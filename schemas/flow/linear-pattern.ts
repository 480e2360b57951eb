/**
 * Regular expressions of JSON Schema (ECMAScript, flag `u`), matched in time linear in the text: an engine that tries one way after the other, as the
 * language's own does, takes exponential time for patterns as short as `^(a+)+$`. RE2 tracks all ways at once. Its dialect differs in what `\s`, `.` and
 * `\p{...}` are, so it is given a pattern of plain characters, ranges and repeats, made from the parsed one.
 */
import { type AST, RegExpParser } from '@eslint-community/regexpp'
import { RE2JS } from 're2js'
import { type Range, rangesOf } from './character-ranges.ts'

/** Characters a pattern may stand for with its counted repeats written out. RE2 takes no higher count; time grows with it. */
export const MAX_PATTERN_SIZE = 1_000
const ANY = '\\x{0}-\\x{10ffff}'
const LINE_ENDS = '\\n\\r\\x{2028}\\x{2029}'

export interface LinearPattern {
  /** Matching takes time in proportion to this and the length of the text. */
  readonly size: number
  /** Whether it matches somewhere in the text. */
  test(text: string): boolean
}

/** A pattern of the language that is not taken; the message says why and what to do. */
export class UnsafePattern extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UnsafePattern'
  }
}

/** @throws {SyntaxError} if it is no pattern. @throws {UnsafePattern} if it cannot be matched in linear time, or is too large. */
export function linearPattern(source: string): LinearPattern {
  const parsed = new RegExpParser().parsePattern(source, 0, source.length, { unicode: true })
  const size = sizeOf(parsed)
  if (size > MAX_PATTERN_SIZE) {
    const found = `with its repeats written out, the pattern has ${size} characters`
    throw new UnsafePattern(`${found}; expected at most ${MAX_PATTERN_SIZE}: bound lengths with 'maxLength', not here`)
  }
  const compiled = RE2JS.compile(alternatives(parsed))
  return { size, test: (text) => compiled.test(text) }
}

type Part = AST.Element | AST.Alternative | AST.Pattern

/** @throws {UnsafePattern} */
function sizeOf(part: Part): number {
  switch (part.type) {
    case 'Pattern':
    case 'Group':
    case 'CapturingGroup':
      if (part.type === 'Group' && part.modifiers !== null) throw refused(part, 'modifiers')
      return part.alternatives.reduce((sum, each) => sum + sizeOf(each), 1)
    case 'Alternative':
      return part.elements.reduce((sum, each) => sum + sizeOf(each), 0)
    case 'Quantifier': {
      const times = part.max === Number.POSITIVE_INFINITY ? part.min : part.max
      return Math.max(times, 1) * sizeOf(part.element)
    }
    case 'Backreference':
      throw refused(part, 'references to groups')
    case 'Assertion':
      if (part.kind === 'lookahead' || part.kind === 'lookbehind') throw refused(part, 'looking ahead or behind')
      return 1
    default:
      return 1
  }
}

function refused({ raw, start }: AST.Node, what: string): UnsafePattern {
  const shown = raw.length > 40 ? `${raw.slice(0, 40)}...` : raw
  const found = `the pattern has '${shown}' at character ${start + 1}; expected none with ${what}`
  return new UnsafePattern(`${found}, which can take exponential time: combine simple patterns with 'allOf' and 'not'`)
}

function alternatives(part: { readonly alternatives: readonly AST.Alternative[] }): string {
  return part.alternatives.map(({ elements }) => elements.map(elementText).join('')).join('|')
}

function elementText(element: AST.Element): string {
  switch (element.type) {
    case 'Group':
    case 'CapturingGroup':
      return `(?:${alternatives(element)})`
    case 'Quantifier':
      return `(?:${elementText(element.element)})${counts(element)}`
    case 'Character':
      return `\\x{${element.value.toString(16)}}`
    case 'CharacterSet':
      return element.kind === 'any' ? `[^${LINE_ENDS}]` : classText(rangesOf(element.raw), false)
    case 'CharacterClass':
      return classText(element.elements.flatMap(rangesOfMember), element.negate)
    case 'Assertion':
      if (element.kind === 'start') return '^'
      if (element.kind === 'end') return '$'
      if (element.kind === 'word') return element.negate ? '\\B' : '\\b'
  }
  throw new UnsafePattern(`the pattern has '${element.raw}', which is not taken`)
}

function counts({ min, max }: AST.Quantifier): string {
  if (max !== Number.POSITIVE_INFINITY) return `{${min},${max}}`
  return min === 0 ? '*' : `{${min},}`
}

function rangesOfMember(member: AST.CharacterClassElement): readonly Range[] {
  if (member.type === 'Character') return [[member.value, member.value]]
  if (member.type === 'CharacterClassRange') return [[member.min.value, member.max.value]]
  return rangesOf(member.raw)
}

function classText(ranges: readonly Range[], negate: boolean): string {
  if (ranges.length === 0) return negate ? `[${ANY}]` : `[^${ANY}]`
  const list = ranges.map(([from, to]) => `\\x{${from.toString(16)}}-\\x{${to.toString(16)}}`)
  return `[${negate ? '^' : ''}${list.join('')}]`
}
