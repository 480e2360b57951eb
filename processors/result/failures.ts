/** Errors the engine itself makes, as the data that records carry. */
import { ExpressionError } from '../../schemas/flow/model.ts'
import { type Json, toJsonText } from '../../schemas/json.ts'
import type { AttemptStatus } from '../../schemas/records/result.ts'
import type { ErrorClass, ErrorInfo } from '../../schemas/records/shared.ts'
import { PayloadLost } from '../turn.ts'

export function failure(code: string, errorClass: ErrorClass, message: string, detail: Json = null): ErrorInfo {
  return { code, message, class: errorClass, retryAfterMs: null, detail: detail === null ? null : toJsonText(detail) }
}

/**
 * What an expression or template of a flow threw. Anything else than an {@link ExpressionError} is reported too: what a flow's author wrote must
 * end a step, never stop a run from ending.
 */
export function expressionFailure(thrown: unknown): ErrorInfo {
  if (thrown instanceof ExpressionError) {
    return failure(thrown.code, 'permanent', thrown.message, { path: thrown.path })
  }
  if (thrown instanceof PayloadLost) return failure(thrown.code, 'recoverable', thrown.message)
  return failure('EXPRESSION_FAILED', 'permanent', thrown instanceof Error ? thrown.message : String(thrown))
}

/** The error of an attempt whose record carries none. */
export function attemptFailure(status: Exclude<AttemptStatus, 'success'>): ErrorInfo {
  switch (status) {
    case 'timeout':
      return failure('TIMEOUT', 'transient', 'the attempt ran longer than the step’s timeout')
    case 'lost':
      return failure('WORKER_LOST', 'transient', 'the worker went silent')
    case 'cancelled':
      return failure('CANCELLED', 'permanent', 'the attempt was cancelled')
    case 'error':
      return failure('INTERNAL_ERROR', 'permanent', 'the attempt failed without saying why')
  }
}
