/** What an attempt's failure looks like in its record. */
import { type Json, type JsonText, toJsonText } from '../../schemas/json.ts'
import type { ErrorInfo } from '../../schemas/records/shared.ts'
import { BlockError, COMMON_ERRORS } from './block.ts'
import type { PreparedBlock } from './block-table.ts'
import { isTextTooDeep, MAX_DEPTH } from './extent.ts'
import { describeProblem, type InputProblem } from './input-check.ts'

const MESSAGE_MAX_CHARS = 4_096
const DETAIL_MAX_CHARS = 16_384

/** What a block threw. A code that the block does not declare, and anything but a {@link BlockError}, is `INTERNAL_ERROR`. */
export function failureOf(thrown: unknown, prepared: PreparedBlock): ErrorInfo {
  if (!(thrown instanceof BlockError)) return failure('INTERNAL_ERROR', `${describeThrown(thrown)}`)
  const declared = prepared.classes.get(thrown.code)
  if (declared === undefined && prepared.block.anyCode !== true) {
    const message = `the block '${prepared.block.type}' reported the undeclared code '${thrown.code}': ${thrown.message}`
    return failure('INTERNAL_ERROR', message, { code: thrown.code })
  }
  return {
    code: thrown.code,
    message: clip(thrown.message),
    class: thrown.class ?? declared ?? 'permanent',
    retryAfterMs: delay(thrown.retryAfterMs),
    detail: detailText(thrown.detail),
  }
}

/** A failure with one of the common codes. */
export function failure(code: string, message: string, detail: Json = null): ErrorInfo {
  const known = COMMON_ERRORS.find((error) => error.code === code)
  return {
    code,
    message: clip(message),
    class: known?.class ?? 'permanent',
    retryAfterMs: null,
    detail: detailText(detail),
  }
}

export function inputInvalid(problem: InputProblem): ErrorInfo {
  const { path, found, expected } = problem
  return failure('INPUT_INVALID', describeProblem(problem), { path, found, expected })
}

/** Whoever reads the output would come to the end of its stack; how deep it is none can say beforehand. */
export function outputTooDeep(): ErrorInfo {
  const message = `the output is nested deeper than ${MAX_DEPTH} levels; expected no more`
  return failure('OUTPUT_TOO_LARGE', message, { levels: MAX_DEPTH })
}

function describeThrown(thrown: unknown): string {
  if (thrown instanceof Error) return `${thrown.name}: ${thrown.message}`
  try {
    return `the block threw ${String(thrown)}`
  } catch {
    return 'the block threw something that has no text form'
  }
}

function clip(text: string): string {
  return text.length <= MESSAGE_MAX_CHARS ? text : `${text.slice(0, MESSAGE_MAX_CHARS)}…`
}

function delay(ms: number | null): number | null {
  return ms === null || !Number.isFinite(ms) ? null : Math.max(0, Math.ceil(ms))
}

/** Detail that is too large, too deep or no JSON is left out: a failure must always fit in its record. */
function detailText(detail: Json): JsonText | null {
  if (detail === null) return null
  try {
    const text = toJsonText(detail)
    return text.length <= DETAIL_MAX_CHARS && !isTextTooDeep(text) ? text : null
  } catch {
    return null
  }
}
