/**
 * The kernel language: the part of JavaScript that means the same on every backend. Text is parsed into these trees, and only they are printed for a compiler:
 * what the parser does not know cannot reach a device.
 */

/** What is not of the language. The message says what was found, what was expected and where. */
export class KernelProblem extends Error {
  override readonly name = 'KernelProblem'
}

export type Type = 'number' | 'boolean'

export type BinaryOperator = '+' | '-' | '*' | '/' | '%' | '<' | '<=' | '>' | '>=' | '===' | '!==' | '&&' | '||'

export type Expression =
  | { readonly kind: 'literal'; readonly value: number }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'thread'; readonly axis: 'x' | 'y' | 'z' }
  | { readonly kind: 'constant'; readonly name: string }
  | { readonly kind: 'element'; readonly array: string; readonly at: readonly Expression[] }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  | { readonly kind: 'unary'; readonly operator: '-' | '!'; readonly of: Expression }
  | {
      readonly kind: 'binary'
      readonly operator: BinaryOperator
      readonly left: Expression
      readonly right: Expression
    }
  | { readonly kind: 'choice'; readonly test: Expression; readonly yes: Expression; readonly no: Expression }

export type Statement =
  | { readonly kind: 'declare'; readonly name: string; readonly value: Expression }
  | { readonly kind: 'assign'; readonly name: string; readonly value: Expression }
  | {
      readonly kind: 'if'
      readonly test: Expression
      readonly yes: readonly Statement[]
      readonly no: readonly Statement[]
    }
  | {
      readonly kind: 'for'
      readonly name: string
      readonly from: number
      readonly to: number
      readonly step: number
      readonly body: readonly Statement[]
    }
  | { readonly kind: 'return'; readonly value: Expression }

/** A parameter: a number, or an array of one to three dimensions. */
export interface Parameter {
  readonly name: string
  /** 0: a number. */
  readonly rank: number
}

/** Of an input of which it is not known yet whether it is a number or an array. */
export const UNKNOWN_RANK = -1
/** Of an array. */
export const RANK_MAX = 4

export interface KernelFunction {
  readonly parameters: readonly Parameter[]
  readonly body: readonly Statement[]
  /** Upper bound of the operations of one thread. */
  readonly work: number
}

/** Functions of `Math` and the number of their arguments. */
export const FUNCTIONS: { readonly [name: string]: number } = {
  abs: 1,
  acos: 1,
  asin: 1,
  atan: 1,
  atan2: 2,
  ceil: 1,
  cos: 1,
  exp: 1,
  floor: 1,
  log: 1,
  log2: 1,
  max: 2,
  min: 2,
  pow: 2,
  sign: 1,
  sin: 1,
  sqrt: 1,
  tan: 1,
  tanh: 1,
}

/** Numbers of `Math`. */
export const NUMBERS: { readonly [name: string]: number } = { PI: Math.PI, E: Math.E }

export const SOURCE_MAX = 8_192
export const DEPTH_MAX = 40
export const NODES_MAX = 2_000
