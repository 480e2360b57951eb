/**
 * How much an expression can make of what it is given, found from its text alone.
 *
 * Size is counted in values: a number, boolean or null is 1, a text 1 and another 1 for every 16 characters, a list or object 1 and its
 * contents. For every part of an expression `result <= factor * given + constant` holds. A list of n items has at least n values, so what a
 * projection adds to each item counts into its factor. Names of members are not counted; what they and texts joined or written out
 * take is bounded when the expression runs (`MAX_CREATED` in `expression-evaluate.ts`).
 */
import type { Json } from '../json.ts'
import type { Ast } from './expression-ast.ts'
import { FUNCTIONS } from './expression-functions.ts'

export const MAX_FACTOR = 16
const MAX_CONSTANT = 65_536

interface Growth {
  readonly factor: number
  readonly constant: number
}

/** @throws {RangeError} when a part of the expression can multiply what it is given more than 16 times. */
export function checkBounds(ast: Ast): void {
  growth(ast)
}

function growth(ast: Ast): Growth {
  const found = grow(ast)
  if (found.factor > MAX_FACTOR || found.constant > MAX_CONSTANT) {
    throw new RangeError(
      `the expression can multiply its input more than ${MAX_FACTOR} times; larger transformations belong in a jmespath step`,
    )
  }
  return found
}

const SAME: Growth = { factor: 1, constant: 0 }
const SCALAR: Growth = { factor: 0, constant: 1 }

function grow(ast: Ast): Growth {
  switch (ast.kind) {
    case 'current':
    case 'field':
    case 'index':
      return SAME
    case 'slice':
      return { factor: 1, constant: 1 }
    case 'literal':
      return { factor: 0, constant: sizeOfLiteral(ast.value) }
    case 'then':
      return after(growth(ast.first), growth(ast.second))
    case 'project':
      return each(growth(ast.from), growth(ast.each))
    case 'filter':
      growth(ast.where)
      return each(growth(ast.from), growth(ast.each))
    case 'flatten':
      return growth(ast.from)
    case 'list':
      return sum(ast.items.map(growth))
    case 'object':
      return sum(ast.members.map(([, value]) => growth(value)))
    case 'or':
    case 'and':
      return max([growth(ast.left), growth(ast.right)])
    case 'not':
      growth(ast.operand)
      return SCALAR
    case 'compare':
      growth(ast.left)
      growth(ast.right)
      return SCALAR
    case 'call':
      return call(ast.name, ast.args)
    case 'reference':
      return growth(ast.to)
  }
}

function call(name: string, args: readonly Ast[]): Growth {
  const given = args.map(growth)
  const [first, second] = [given[0]!, given[1] ?? SAME]
  switch (FUNCTIONS.get(name)!.size) {
    case 'scalar':
      return SCALAR
    case 'first':
      return { factor: first.factor, constant: first.constant + 1 }
    case 'sum':
      return sum(given)
    case 'max':
      return max(given)
    case 'map':
      return each(second, first)
    case 'join':
      checkGlue(args[0]!)
      return each(second, { factor: 1, constant: 1 })
    case 'text':
      // Quotes and backslashes of a text within the text are escaped, which doubles them.
      return { factor: 2 * first.factor, constant: 2 * first.constant + 1 }
  }
}

function checkGlue(glue: Ast): void {
  if (glue.kind === 'literal' && typeof glue.value === 'string' && glue.value.length <= MAX_FACTOR) return
  throw new RangeError(`the first argument of join() must be a literal text of at most ${MAX_FACTOR} characters`)
}

const after = (first: Growth, second: Growth): Growth => ({
  factor: first.factor * second.factor,
  constant: first.constant * second.factor + second.constant,
})

const each = (list: Growth, item: Growth): Growth => {
  const factor = item.factor + item.constant
  return { factor: list.factor * factor, constant: list.constant * factor + 1 }
}

const sum = (parts: readonly Growth[]): Growth => ({
  factor: parts.reduce((total, part) => total + part.factor, 0),
  constant: parts.reduce((total, part) => total + part.constant, 1),
})

const max = (parts: readonly Growth[]): Growth => ({
  factor: Math.max(...parts.map((part) => part.factor)),
  constant: Math.max(...parts.map((part) => part.constant)),
})

function sizeOfLiteral(value: Json): number {
  if (typeof value === 'string') return 1 + Math.floor(value.length / 16)
  if (typeof value !== 'object' || value === null) return 1
  return Object.values(value).reduce<number>((total, part) => total + sizeOfLiteral(part), 1)
}
