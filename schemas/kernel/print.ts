/** Trees of the kernel language as the text that gpu.js compiles. */
import type { Expression, Statement } from './syntax.ts'

export interface Printing {
  /** How an element is read; the place is checked there. */
  element(array: string, at: readonly string[]): string
  /** What a name of the text stands for. */
  variable(name: string): string
  constant(name: string): string
  /** How many of this thread, in this direction. */
  thread(axis: 'x' | 'y' | 'z'): string
}

export function printExpression(tree: Expression, how: Printing): string {
  const print = (part: Expression): string => printExpression(part, how)
  switch (tree.kind) {
    case 'literal':
      return number(tree.value)
    case 'variable':
      return how.variable(tree.name)
    case 'thread':
      return how.thread(tree.axis)
    case 'constant':
      return how.constant(tree.name)
    case 'element':
      return how.element(tree.array, tree.at.map(print))
    case 'call':
      return printCall(tree.name, tree.args.map(print))
    case 'unary':
      return `(${tree.operator}${print(tree.of)})`
    case 'binary':
      return `(${print(tree.left)} ${tree.operator} ${print(tree.right)})`
    case 'choice':
      return `(${print(tree.test)} ? ${print(tree.yes)} : ${print(tree.no)})`
  }
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
  return value < 0 ? `(${value})` : String(value)
}
