/** What is known of an expression before it runs is put in its place: gpu.js takes `0 * 0` for an integer, where a compiler may want a float. */
import type { Expression } from './syntax.ts'

/** `constant`: the value of one of `this.constants`. Results that are not finite, as the device's 32 bits have it, are left to the device. */
export function folded(tree: Expression, constant: (name: string) => number): Expression {
  const fold = (part: Expression): Expression => folded(part, constant)
  switch (tree.kind) {
    case 'literal':
    case 'variable':
    case 'thread':
      return tree
    case 'constant':
      return literalOr(constant(tree.name), tree)
    case 'element':
      return { ...tree, at: tree.at.map(fold) }
    case 'call': {
      const args = tree.args.map(fold)
      const numbers = args.flatMap((arg) => (arg.kind === 'literal' ? [arg.value] : []))
      const isKnown = numbers.length === args.length
      return literalOr(isKnown ? functionNamed(tree.name)(...numbers) : Number.NaN, { ...tree, args })
    }
    case 'unary': {
      const of = fold(tree.of)
      return tree.operator === '-' && of.kind === 'literal' ? literalOr(-of.value, tree) : { ...tree, of }
    }
    case 'binary': {
      const left = fold(tree.left)
      const right = fold(tree.right)
      const isKnown = left.kind === 'literal' && right.kind === 'literal'
      return literalOr(isKnown ? computed(tree.operator, left.value, right.value) : Number.NaN, {
        ...tree,
        left,
        right,
      })
    }
    case 'choice':
      return { ...tree, test: fold(tree.test), yes: fold(tree.yes), no: fold(tree.no) }
  }
}

function literalOr(value: number, tree: Expression): Expression {
  return Number.isFinite(Math.fround(value)) ? { kind: 'literal', value } : tree
}

function functionNamed(name: string): (...args: readonly number[]) => number {
  return (Math as unknown as { readonly [name: string]: (...args: readonly number[]) => number })[name]!
}

/** NaN for what is no number. */
function computed(operator: string, left: number, right: number): number {
  switch (operator) {
    case '+':
      return left + right
    case '-':
      return left - right
    case '*':
      return left * right
    case '/':
      return left / right
    case '%':
      return left % right
    default:
      return Number.NaN
  }
}
