/**
 * What steps have to say in other languages, read when the flow is published: a slip is found before a run meets it. Only texts without
 * expressions of the flow are read, since of others nothing is known before they are filled in.
 */
import { Script } from 'node:vm'
import type { Json } from '../json.ts'
import { checkKernel } from './check-kernel.ts'
import { shorten } from './expression.ts'
import { parseExpression, STEP_LIMITS, SyntaxProblem } from './expression-ast.ts'
import { isObject, type JsonObject } from './expression-values.ts'
import type { Path, Problems } from './problems.ts'
import { literalText } from './template.ts'

type CheckInput = (input: JsonObject, at: Path, problems: Problems) => void

const CHECKS: { readonly [type: string]: CheckInput } = {
  jmespath: (input, at, problems) => ofText(input, 'expression', at, problems, checkJmespath),
  javascript: (input, at, problems) => ofText(input, 'code', at, problems, checkScript),
  'javascript.trusted': (input, at, problems) => ofText(input, 'code', at, problems, checkScript),
  kernel: checkKernel,
}

/** Reports what is wrong with the source that a step of the type has in its input, if it has one. An empty one is left to the block. */
export function checkSources(type: string | null, input: Json | undefined, at: Path, problems: Problems): void {
  if (type === null || !Object.hasOwn(CHECKS, type) || input === undefined || !isObject(input)) return
  CHECKS[type]!(input, at, problems)
}

function ofText(
  input: JsonObject,
  field: string,
  at: Path,
  problems: Problems,
  check: (text: string, at: Path, problems: Problems) => void,
): void {
  const given = input[field]
  const text = typeof given === 'string' ? literalText(given) : null
  if (text !== null && text.trim() !== '') check(text, [...at, field], problems)
}

function checkJmespath(text: string, at: Path, problems: Problems): void {
  try {
    parseExpression(text, STEP_LIMITS)
  } catch (error) {
    if (!(error instanceof SyntaxProblem || error instanceof RangeError)) throw error
    const code = error instanceof SyntaxProblem ? 'INVALID_EXPRESSION' : 'EXPRESSION_TOO_LARGE'
    problems.report(code, at, `${error.message} (in '${shorten(text)}')`)
  }
}

interface Slip {
  readonly line: number
  /** `null` in a line that is too long to be shown. */
  readonly column: number | null
  readonly message: string
}

/** A program, or the body of a function, which may wait. The block tries them in this order. */
const FORMS: readonly (readonly [before: string, after: string])[] = [
  ['', ''],
  ['(function(){', '\n})()'],
  ['(async function(){', '\n})()'],
]
const FILE = 'script.js'
/** Of the compiler; it repeats whole regular expressions. */
const MESSAGE_MAX_CHARS = 200

function checkScript(code: string, at: Path, problems: Problems): void {
  const slips: Slip[] = []
  for (const [before, after] of FORMS) {
    const slip = slipOf(code, before, after)
    if (slip === null) return
    slips.push(slip)
  }
  // the form that was meant is the one that goes well the longest
  const { line, column, message } = slips.reduce((best, one) => (isBeyond(one, best) ? one : best))
  const where = column === null ? `line ${line}` : `line ${line}, column ${column}`
  const ends = line > code.split('\n').length
  problems.report('INVALID_SCRIPT', at, ends ? 'the script ends where more is expected' : `${message} (at ${where})`)
}

function isBeyond(one: Slip, other: Slip): boolean {
  return one.line > other.line || (one.line === other.line && (one.column ?? 0) > (other.column ?? 0))
}

/** Where the code does not parse in this form. It is compiled, and never run. What the compiler cannot cope with is for the sandbox to judge. */
function slipOf(code: string, before: string, after: string): Slip | null {
  try {
    new Script(`${before}${code}${after}`, { filename: FILE })
    return null
  } catch (error) {
    // of the compiler's own realm, as of a script's
    const { name, message, stack = '' } = error as Error
    if (name !== 'SyntaxError') return null
    const [head = '', , carets = ''] = stack.split('\n')
    const line = Number(/^script\.js:(\d+)$/.exec(head)?.[1] ?? 1)
    const caret = carets.indexOf('^')
    const column = caret < 0 ? null : caret + 1 - (line === 1 ? before.length : 0)
    return { line, column, message: `the script does not parse: ${message.slice(0, MESSAGE_MAX_CHARS)}` }
  }
}
