/** Evaluates JMESPath, with its two kinds of failure told apart. Runs in a thread of the cpu pool. */
import jmespath from 'jmespath'
import type { Json } from '../../../../schemas/json.ts'
import { BlockError } from '../../block.ts'

// the type package does not know `compile`
const parser = jmespath as unknown as { compile(expression: string): unknown }
const COMPILED_MAX = 1_000
/** Expressions that are known to compile, the oldest first. */
const compiled = new Set<string>()

/** @throws {BlockError} `JMESPATH_COMPILE_ERROR`, `JMESPATH_RUNTIME_ERROR` */
export function searchJmespath(expression: string, data: Json): Json {
  compile(expression)
  try {
    return (jmespath.search(data, expression) ?? null) as Json
  } catch (error) {
    throw new BlockError('JMESPATH_RUNTIME_ERROR', `the expression failed: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

function compile(expression: string): void {
  if (compiled.has(expression)) return
  try {
    parser.compile(expression)
  } catch (error) {
    throw new BlockError('JMESPATH_COMPILE_ERROR', `the expression does not parse: ${(error as Error).message}`, {
      cause: error,
    })
  }
  if (compiled.size >= COMPILED_MAX)
    for (const oldest of [...compiled].slice(0, COMPILED_MAX / 2)) compiled.delete(oldest)
  compiled.add(expression)
}
