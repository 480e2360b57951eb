/** Why a value cannot match a schema, told so that alternatives do not become a wall of text. */
import { eitherOf, expectationOf, type Schema } from './expectation.ts'
import { didYouMean, nearest } from './nearest.ts'
import { type Path, show } from './problems.ts'
import { Hole, type Shape } from './template-shape.ts'

export interface Misfit {
  readonly code: 'INVALID_FIELD' | 'MISSING_FIELD' | 'UNKNOWN_FIELD'
  /** Below the value that is judged. */
  readonly path: Path
  readonly message: string
  /** The field that is missing or not known. */
  readonly field?: string
  /** `type`: it is of another type; `choice`: none of the values there may be. */
  readonly why?: 'type' | 'choice'
}

export interface Judgement {
  readonly verdict: 'yes' | 'no' | 'maybe'
  /** Why `no`; else empty. */
  readonly misfits: readonly Misfit[]
}

export const YES: Judgement = { verdict: 'yes', misfits: [] }
export const MAYBE: Judgement = { verdict: 'maybe', misfits: [] }

export function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function all(judgements: readonly Judgement[]): Judgement {
  const misfits = judgements.flatMap((judgement) => judgement.misfits)
  if (misfits.length > 0) return { verdict: 'no', misfits: withoutMisspelt(misfits) }
  return judgements.some(({ verdict }) => verdict === 'maybe') ? MAYBE : YES
}

/** A field that is missing because its name is misspelt is told once. */
function withoutMisspelt(misfits: readonly Misfit[]): readonly Misfit[] {
  const unknown = misfits.filter(({ code }) => code === 'UNKNOWN_FIELD')
  if (unknown.length === 0) return misfits
  return misfits.filter(({ code, field, path }) => {
    if (code !== 'MISSING_FIELD' || field === undefined) return true
    return !unknown.some((other) => isMember(other.path, path) && nearest(other.field!, [field]) !== null)
  })
}

function isMember(path: Path, of: Path): boolean {
  return path.length === of.length + 1 && of.every((part, index) => part === path[index])
}

/** Of alternatives that all fail, what keeps the one from matching that was meant, if that can be told; else what the alternatives are. */
export function noneOf(
  schemas: readonly unknown[],
  judgements: readonly Judgement[],
  shape: Shape,
  at: Path,
): Judgement {
  const near = judgements.filter(({ misfits }) => !misfits.some((one) => isOfAnotherForm(one, at)))
  const known = near.filter(({ misfits }) => !misfits.some(({ code }) => code === 'UNKNOWN_FIELD'))
  const meant = known.length === 0 ? near : known
  if (meant.length === 1) return meant[0]!
  const missing = judgements.map(({ misfits: [only, more] }) => {
    return more === undefined && only?.path.length === at.length ? only.field : undefined
  })
  if (missing.length > 0 && missing.every((name) => name !== undefined)) {
    const names = [...new Set(missing)].map((name) => `'${name}'`).join(' or ')
    return no({ code: 'MISSING_FIELD', path: at, message: `${names} is missing` })
  }
  return invalid(at, `found ${shown(shape)}; expected ${eitherOf(schemas)}`, 'type')
}

/** A value of another type, or a field such as `kind` that says another. */
function isOfAnotherForm({ why, path }: Misfit, at: Path): boolean {
  return path.length === at.length ? why !== undefined : why === 'choice' && path.length === at.length + 1
}

export function missingField(at: Path, field: string, schema: unknown): Judgement {
  const expected = isSchema(schema) && 'type' in schema ? `; expected ${expectationOf(schema)}` : ''
  const message = `'${field}' is missing${expected}`
  return no({ code: 'MISSING_FIELD', path: at, message, field })
}

export function unknownField(path: Path, field: string, known: readonly string[]): Judgement {
  const guess = didYouMean(field, known)
  const list = known.length === 0 ? '; expected no fields' : `; expected one of ${known.join(', ')}`
  const message = `unknown field '${field}'${guess === '' ? list : guess}`
  return no({ code: 'UNKNOWN_FIELD', path, message, field })
}

export function invalid(path: Path, message: string, why?: 'type' | 'choice'): Judgement {
  return no({ code: 'INVALID_FIELD', path, message, ...(why === undefined ? {} : { why }) })
}

export function otherType(schema: Schema, shape: Shape, at: Path): Judgement {
  return invalid(at, misfitText(schema, shape), 'type')
}

/** Of the right type, and still not what is asked for. */
export function misfit(schema: Schema, shape: Shape, at: Path): Judgement {
  return invalid(at, misfitText(schema, shape), 'enum' in schema || 'const' in schema ? 'choice' : undefined)
}

function no(one: Misfit): Judgement {
  return { verdict: 'no', misfits: [one] }
}

function misfitText(schema: Schema, shape: Shape): string {
  const choices = Array.isArray(schema.enum) ? schema.enum.filter((value) => typeof value === 'string') : []
  const guess = typeof shape === 'string' ? didYouMean(shape, choices) : ''
  const hint = shape instanceof Hole ? '; only a value that is nothing but one ${...} keeps its type' : guess
  return `found ${shown(shape)}; expected ${expectationOf(schema)}${hint}`
}

export function shown(shape: Shape): string {
  return shape instanceof Hole ? `a text, ${show(shape.text)}` : show(shape)
}

/** Each once: parts of a schema may say the same. */
export function misfitsOf({ misfits }: Judgement): readonly Misfit[] {
  const seen = new Set<string>()
  return misfits.filter(({ path, message }) => {
    const key = JSON.stringify([path, message])
    return !seen.has(key) && seen.add(key)
  })
}
