import type { StepId } from '../ids.ts'
import type { Json } from '../json.ts'
import { type Ast, parseExpression, SyntaxProblem } from './expression-ast.ts'
import { checkBounds } from './expression-bounds.ts'
import { compileAst, plainPath } from './expression-evaluate.ts'
import { EvaluationProblem } from './expression-functions.ts'
import { findReferences, type References } from './expression-references.ts'
import { type Expression, ExpressionError, type Reads, type Scope } from './model.ts'
import { formatPath, type Path, type Problems } from './problems.ts'

export interface CheckedExpression extends Expression {
  readonly at: Path
  readonly references: References
  /** Names and indices, when the expression is nothing but a path. */
  readonly path: readonly (string | number)[] | null
}

/** Checks and compiles an expression; reports what is wrong with it and answers `null` then. `vars`: names of the flow's constants. */
export function checkExpression(
  text: string,
  at: Path,
  vars: readonly string[],
  problems: Problems,
): CheckedExpression | null {
  const ast = parse(text, at, problems)
  if (ast === null) return null
  const found = findReferences(ast, vars)
  for (const problem of found.problems) {
    const quoted = problem.name !== undefined && text.includes(`"${problem.name}"`)
    const hint = quoted ? `; a text is written in single quotes: '${problem.name}'` : ''
    problems.report(problem.code, at, `${problem.message}${hint} (in '${shorten(text)}')${hintForScripts(at)}`)
  }
  const { references } = found
  return {
    text,
    at,
    references,
    reads: readsOf([references]),
    path: plainPath(ast),
    evaluate: evaluator(text, ast, formatPath(at)),
  }
}

function parse(text: string, at: Path, problems: Problems): Ast | null {
  try {
    const ast = parseExpression(text)
    checkBounds(ast)
    return ast
  } catch (error) {
    if (!(error instanceof SyntaxProblem || error instanceof RangeError)) throw error
    const code = error instanceof SyntaxProblem ? 'INVALID_EXPRESSION' : 'EXPRESSION_TOO_LARGE'
    problems.report(code, at, `${error.message} (in '${shorten(text)}')${hintForScripts(at)}`)
    return null
  }
}

/** Scripts have templates of their own, in the same form. */
function hintForScripts(at: Path): string {
  return at.at(-1) === 'code' ? '; if it is meant for the script, write $${...}' : ''
}

function evaluator(text: string, ast: Ast, path: string): (scope: Scope) => Json {
  const evaluate = compileAst(ast)
  return (scope) => {
    try {
      return evaluate(scope as unknown as Json)
    } catch (error) {
      if (!(error instanceof EvaluationProblem)) throw error
      throw new ExpressionError('EXPRESSION_FAILED', path, `${path}: ${error.message} (in '${shorten(text)}')`)
    }
  }
}

/** What several expressions look at together. */
export function readsOf(parts: readonly References[]): Reads {
  const steps = new Set(parts.flatMap((part) => part.steps as readonly StepId[]))
  return {
    input: parts.some((part) => part.input),
    steps: parts.some((part) => part.allSteps) ? 'all' : [...steps],
  }
}

const MAX_SHOWN = 80

export function shorten(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text
}
