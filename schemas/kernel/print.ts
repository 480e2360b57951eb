/** Trees of the kernel language as the text that gpu.js compiles. */
import { folded } from './fold.ts'
import type { Expression, Statement } from './syntax.ts'

export interface Printing {
  /** How an element is read; the place is checked there. */
  element(array: string, at: readonly string[]): string
  /** What a name of the text stands for. */
  variable(name: string): string
  constant(name: string): number
  /** How many of this thread, in this direction. */
  thread(axis: 'x' | 'y' | 'z'): string
}

export function printExpression(tree: Expression, how: Printing): string {
  return printFolded(folded(tree, how.constant), how)
}

function printFolded(tree: Expression, how: Printing): string {
  const print = (part: Expression): string => printFolded(part, how)
  switch (tree.kind) {
    case 'literal':
      return number(tree.value)
    case 'variable':
      return how.variable(tree.name)
    case 'thread':
      return how.thread(tree.axis)
    case 'constant':
      return number(how.constant(tree.name))
    case 'element':
      return how.element(tree.array, tree.at.map(print))
    case 'call':
      return printCall(tree.name, tree.args.map(print))
    case 'unary':
      return `(${tree.operator}${print(tree.of)})`
    case 'binary':
      return `(${print(tree.left)} ${tree.operator} ${print(tree.right)})`
    case 'choice':
      return `(${print(tree.test)} ? ${printFloat(tree.yes, how)} : ${print(tree.no)})`
  }
}

/** gpu.js takes a choice for what its first part is, and a whole number for an integer, which compilers do not let stand beside a float. */
function printFloat(tree: Expression, how: Printing): string {
  const text = printFolded(tree, how)
  return tree.kind === 'literal' && Number.isInteger(tree.value) ? `Math.floor(${text})` : text
}

export function printStatements(body: readonly Statement[], how: Printing): string {
  return body.map((statement) => printStatement(statement, how)).join('\n')
}

function printStatement(statement: Statement, how: Printing): string {
  const expression = (tree: Expression): string => printExpression(tree, how)
  switch (statement.kind) {
    case 'declare':
      return `let ${how.variable(statement.name)} = ${expression(statement.value)};`
    case 'assign':
      return `${how.variable(statement.name)} = ${expression(statement.value)};`
    case 'return':
      return `return ${expression(statement.value)};`
    case 'if': {
      const otherwise = statement.no.length === 0 ? '' : ` else {\n${printStatements(statement.no, how)}\n}`
      return `if (${expression(statement.test)}) {\n${printStatements(statement.yes, how)}\n}${otherwise}`
    }
    case 'for': {
      const name = how.variable(statement.name)
      const head = `let ${name} = ${statement.from}; ${name} < ${statement.to}; ${name} += ${statement.step}`
      return `for (${head}) {\n${printStatements(statement.body, how)}\n}`
    }
  }
}

function printCall(name: string, args: readonly string[]): string {
  return `Math.${name}(${args.join(', ')})`
}

/** A literal that no backend takes for an integer where it divides: whole ones are written as they are, and `/` is always one of floats in gpu.js. */
function number(value: number): string {
  // `-0` would be an integer, which has no such thing
  if (Object.is(value, -0)) return 'Math.ceil(-0.5)'
  return value < 0 ? `(${value})` : String(value)
}
