/**
 * Evaluates JMESPath for a step. An expression within the bounds of the flow language takes time in proportion to its data, so with small data it
 * runs where it is; any other runs in a thread that can be killed, with the same evaluator.
 */

import {
  type Ast,
  CallProblem,
  ENGINE_LIMITS,
  parseExpression,
  STEP_LIMITS,
} from '../../../../schemas/flow/expression-ast.ts'
import { checkBounds } from '../../../../schemas/flow/expression-bounds.ts'
import { compileAst, type Evaluate } from '../../../../schemas/flow/expression-evaluate.ts'
import type { Json } from '../../../../schemas/json.ts'
import { BlockError } from '../../block.ts'
import { BoundedCache } from './bounded-cache.ts'

export interface Search {
  readonly evaluate: Evaluate
  /** It cannot make much more of its data than there is. */
  readonly isBounded: boolean
}

const searches = new BoundedCache<Search>(1_000, ENGINE_LIMITS.bytes)

/** @throws {BlockError} `JMESPATH_COMPILE_ERROR`; `JMESPATH_RUNTIME_ERROR` for a call that cannot be made */
export function searchOf(expression: string): Search {
  return searches.get(expression, () => {
    const ast = astOf(expression)
    const isBounded = expression.length <= ENGINE_LIMITS.bytes && isWithinBounds(expression, ast)
    return { isBounded, evaluate: compileAst(ast, isBounded ? undefined : Number.POSITIVE_INFINITY) }
  })
}

/** @throws {BlockError} `JMESPATH_RUNTIME_ERROR` */
export function searchJmespath({ evaluate }: Search, data: Json): Json {
  try {
    return evaluate(data)
  } catch (error) {
    throw new BlockError('JMESPATH_RUNTIME_ERROR', `the expression failed: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

function astOf(expression: string): Ast {
  try {
    return parseExpression(expression, STEP_LIMITS)
  } catch (error) {
    const message = (error as Error).message
    const code = error instanceof CallProblem ? 'JMESPATH_RUNTIME_ERROR' : 'JMESPATH_COMPILE_ERROR'
    throw new BlockError(code, message, { cause: error })
  }
}

function isWithinBounds(expression: string, ast: Ast): boolean {
  try {
    parseExpression(expression, ENGINE_LIMITS)
    checkBounds(ast)
    return true
  } catch {
    return false
  }
}
