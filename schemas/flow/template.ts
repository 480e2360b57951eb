/**
 * Values with `${expression}` anywhere inside. A text that is nothing but one expression keeps the type of its value; within a longer text numbers
 * and booleans are written as JSON, and lists, objects and missing values are errors. `$${` is a literal `${`.
 */
import type { StepId } from '../ids.ts'
import { isStepId } from '../ids.ts'
import type { Json } from '../json.ts'
import { type CheckedExpression, checkExpression, readsOf, shorten } from './expression.ts'
import { isQuote, skipQuoted } from './expression-ast.ts'
import { ExpressionError, type Scope, type Template } from './model.ts'
import { formatPath, type Path, type Problems } from './problems.ts'
import { escapeSecrets } from './secret-text.ts'

export const MAX_TEMPLATE_EXPRESSIONS = 256
/** Characters of one rendered text. */
export const MAX_RENDERED_TEXT = 1 << 20
/** Characters and values of a rendered value with several expressions. */
export const MAX_RENDERED_SIZE = 4 << 20

export interface CheckedTemplate extends Template {
  readonly expressions: readonly CheckedExpression[]
}

interface Context {
  readonly vars: readonly string[]
  readonly problems: Problems
  readonly expressions: CheckedExpression[]
  /** What comes from data must not name secrets. */
  readonly secrets: boolean
}

type Render = (scope: Scope) => Json
/** A part of a template: a value as it is, or something to render. */
type Part = { readonly value: Json } | { readonly render: Render }

/** Checks and compiles a template; what is wrong is reported. `secrets`: it is for a block that takes them, see `secret-text.ts`. */
export function checkTemplate(
  value: Json,
  at: Path,
  vars: readonly string[],
  problems: Problems,
  secrets = false,
): CheckedTemplate {
  const context: Context = { vars, problems, expressions: [], secrets }
  const part = compilePart(value, at, context)
  const { expressions } = context
  if (expressions.length > MAX_TEMPLATE_EXPRESSIONS) {
    const found = `${expressions.length} expressions`
    problems.report('LIMIT_EXCEEDED', at, `found ${found}; expected at most ${MAX_TEMPLATE_EXPRESSIONS} in one value`)
  }
  return {
    constant: 'value' in part,
    reads: readsOf(expressions.map((expression) => expression.references)),
    expressions,
    verbatim: secrets ? null : verbatimOf(value, expressions),
    render: 'value' in part ? () => part.value : expressions.length < 2 ? part.render : bounded(part.render, at),
  }
}

/** Each expression is bounded by itself, all together could take the same large value hundreds of times. */
function bounded(render: Render, at: Path): Render {
  return (scope) => {
    const value = render(scope)
    if (sizeWithin(value, MAX_RENDERED_SIZE) >= 0) return value
    const path = formatPath(at)
    const found = `more than ${MAX_RENDERED_SIZE} characters and values`
    throw new ExpressionError(
      'TEMPLATE_TOO_LARGE',
      path,
      `${path}: the rendered value has ${found}; expected at most that`,
    )
  }
}

/** What is left of `room` after the value; negative, and found without looking further, if it does not fit. */
function sizeWithin(value: Json, room: number): number {
  if (typeof value === 'string') return room - 1 - value.length
  if (typeof value !== 'object' || value === null) return room - 1
  let left = room - 1
  for (const key in value) {
    if (left < 0) return left
    left = sizeWithin((value as { readonly [key: string]: Json })[key]!, left - (Array.isArray(value) ? 0 : key.length))
  }
  return left
}

/** `checkTemplate` of a text that may also be a bare expression. */
export function asTemplate(text: string): string {
  return text.includes('${') ? text : `\${${text}}`
}

/** The expression of a text that is nothing but one template, else the text itself. */
export function withoutTemplate(text: string): string {
  const pieces = split(text.trim())
  return typeof pieces === 'object' && pieces.length === 1 && pieces[0]!.expression ? pieces[0]!.text : text
}

/** What the text says where it holds no expression; `null` where it does, or where a template is broken. */
export function literalText(text: string): string | null {
  const pieces = split(text)
  if (typeof pieces === 'string' || pieces.some(({ expression }) => expression)) return null
  return pieces.map((piece) => piece.text).join('')
}

/** What is known of a text before its expressions are filled in: all of it, that it will be a text, or nothing. */
export type TextForm =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'text' }
  | { readonly kind: 'value' }

/** Of a broken template nothing is known. */
export function textForm(text: string): TextForm {
  const pieces = text.includes('${') ? split(text) : [{ expression: false, text }]
  if (typeof pieces === 'string') return { kind: 'value' }
  if (pieces.every(({ expression }) => !expression)) {
    return { kind: 'literal', text: pieces.map((piece) => piece.text).join('') }
  }
  return { kind: pieces.length === 1 ? 'value' : 'text' }
}

function verbatimOf(value: Json, expressions: readonly CheckedExpression[]): Template['verbatim'] {
  const path = expressions[0]?.path
  if (typeof value !== 'string' || path == null || split(value).length !== 1) return null
  if (path.length === 1 && path[0] === 'input') return { kind: 'input' }
  const [root, step, field] = path
  if (path.length !== 3 || root !== 'steps' || field !== 'output') return null
  return typeof step === 'string' && isStepId(step) ? { kind: 'output', step: step as StepId } : null
}

function compilePart(value: Json, at: Path, context: Context): Part {
  if (typeof value === 'string') return compileText(value, at, context)
  if (typeof value !== 'object' || value === null) return { value }
  const parts = Object.entries(value).map(([key, member]) => {
    return [key, compilePart(member, [...at, Array.isArray(value) ? Number(key) : key], context)] as const
  })
  if (parts.every(([, part]) => 'value' in part)) {
    const values = parts.map(([key, part]) => [key, (part as { value: Json }).value] as const)
    return { value: Array.isArray(value) ? values.map(([, member]) => member) : Object.fromEntries(values) }
  }
  const renders = parts.map(([key, part]) => [key, 'value' in part ? () => part.value : part.render] as const)
  return Array.isArray(value) ? { render: listRender(renders.map(([, r]) => r)) } : { render: objectRender(renders) }
}

function listRender(items: readonly Render[]): Render {
  return (scope) => {
    const list: Json[] = []
    for (let i = 0; i < items.length; i++) list.push(items[i]!(scope))
    return list
  }
}

/** Names come from a checked document, which has no `__proto__`. */
function objectRender(members: readonly (readonly [string, Render])[]): Render {
  const names = members.map(([name]) => name)
  const renders = members.map(([, render]) => render)
  return (scope) => {
    const object: { [key: string]: Json } = {}
    for (let i = 0; i < names.length; i++) object[names[i]!] = renders[i]!(scope)
    return object
  }
}

function compileText(text: string, at: Path, context: Context): Part {
  if (!text.includes('${')) return { value: text }
  const pieces = split(text)
  if (typeof pieces === 'string') {
    context.problems.report('INVALID_EXPRESSION', at, `${pieces} (in '${shorten(text)}')`)
    return { value: text }
  }
  const compiled: (string | CheckedExpression)[] = []
  for (const piece of pieces) {
    if (!piece.expression) compiled.push(piece.text)
    else {
      const expression = checkExpression(piece.text, at, context.vars, context.problems)
      if (expression === null) return { value: text }
      context.expressions.push(expression)
      compiled.push(expression)
    }
  }
  if (compiled.every((piece) => typeof piece === 'string')) return { value: compiled.join('') }
  const [only] = compiled
  const render =
    compiled.length === 1 && typeof only === 'object' ? only.evaluate : textRender(compiled, formatPath(at))
  return { render: context.secrets ? (scope) => escapeSecrets(render(scope)) : render }
}

function textRender(pieces: readonly (string | CheckedExpression)[], path: string): Render {
  return (scope) => {
    let text = ''
    for (let i = 0; i < pieces.length; i++) {
      const piece = pieces[i]!
      text += typeof piece === 'string' ? piece : asText(piece.evaluate(scope), piece, path)
    }
    if (text.length > MAX_RENDERED_TEXT) {
      const message = `${path}: the rendered text has ${text.length} characters; expected at most ${MAX_RENDERED_TEXT}`
      throw new ExpressionError('TEMPLATE_TOO_LARGE', path, message)
    }
    return text
  }
}

function asText(value: Json, expression: CheckedExpression, path: string): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return JSON.stringify(value)
  const shown = shorten(expression.text)
  if (value === null) {
    const message = `${path}: '${shown}' has no value; write \${${shown} || 'none'} where it may be missing`
    throw new ExpressionError('TEMPLATE_VALUE_MISSING', path, message)
  }
  const found = Array.isArray(value) ? 'a list' : 'an object'
  const message = `${path}: '${shown}' is ${found}; expected a text, number or boolean within a longer text`
  throw new ExpressionError('TEMPLATE_VALUE_NOT_TEXT', path, message)
}

interface Piece {
  readonly expression: boolean
  readonly text: string
}

/** The literal and the `${...}` pieces of a text, or what is wrong with it. */
function split(text: string): readonly Piece[] | string {
  const pieces: Piece[] = []
  let literal = ''
  for (let at = 0; at < text.length; ) {
    const next = text.indexOf('${', at)
    if (next < 0) {
      literal += text.slice(at)
      break
    }
    if (next > at && text[next - 1] === '$') {
      literal += `${text.slice(at, next - 1)}\${`
      at = next + 2
      continue
    }
    const end = closingBrace(text, next + 2)
    if (end < 0) return `the template that begins at column ${next + 1} is not closed; expected a matching '}'`
    literal += text.slice(at, next)
    if (literal !== '') pieces.push({ expression: false, text: literal })
    literal = ''
    pieces.push({ expression: true, text: text.slice(next + 2, end) })
    at = end + 1
  }
  if (literal !== '') pieces.push({ expression: false, text: literal })
  return pieces
}

/** Offset of the brace that closes a template, quoted parts passed over; -1 if there is none. */
function closingBrace(text: string, from: number): number {
  let open = 0
  for (let at = from; at < text.length; ) {
    const char = text[at]!
    if (isQuote(char)) {
      at = skipQuoted(text, at)
      if (at < 0) return -1
      continue
    }
    if (char === '{') open++
    else if (char === '}' && open-- === 0) return at
    at++
  }
  return -1
}
