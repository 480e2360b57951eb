/** Refusals and failures as the gateway answers them. */
import { BlobStoreError } from '../topology/blobs/port.ts'
import { LogError } from '../topology/log/port.ts'
import { ReadModelError } from '../topology/read-model/port.ts'

/** Error codes of the HTTP interface, with their statuses. */
export const ERROR_STATUSES = {
  invalid_request: 400,
  invalid_flow: 400,
  invalid_schema: 400,
  unauthorized: 401,
  validator_blocked: 403,
  not_found: 404,
  policy_not_found: 404,
  extension_not_found: 404,
  flow_not_found: 404,
  run_not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  flow_deprecated: 409,
  topic_not_writable: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  range_not_satisfiable: 416,
  rate_limit_exceeded: 429,
  internal: 500,
  decision_failed: 500,
  not_implemented: 501,
  service_overloaded: 503,
  unavailable: 503,
  extension_unavailable: 503,
  timeout: 504,
  extension_timeout: 504,
} as const satisfies { readonly [code: string]: number }
export type ErrorCode = keyof typeof ERROR_STATUSES

export type ErrorDetails = { readonly [name: string]: unknown }

export interface RequestErrorOptions {
  readonly details?: ErrorDetails
  /** Sent as `Retry-After`. */
  readonly retryAfterS?: number
  /** The older systems' name for what is wrong with a submission. */
  readonly intakeErrorCode?: string
  readonly cause?: unknown
}

/** A request that is refused or cannot be served; becomes the error body. */
export class RequestError extends Error {
  readonly code: ErrorCode
  readonly status: number
  readonly details: ErrorDetails
  readonly retryAfterS: number | null
  readonly intakeErrorCode: string | null
  constructor(code: ErrorCode, message: string, options: RequestErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'RequestError'
    this.code = code
    this.status = ERROR_STATUSES[code]
    this.details = options.details ?? {}
    this.retryAfterS = options.retryAfterS ?? null
    this.intakeErrorCode = options.intakeErrorCode ?? null
  }
}

/** What the client is told about an error of a part behind the gateway; `null` for one that nobody expected. */
export function knownFailure(error: unknown): RequestError | null {
  if (error instanceof RequestError) return error
  if (error instanceof LogError) return logFailure(error)
  if (error instanceof BlobStoreError) return blobFailure(error)
  if (error instanceof ReadModelError && error.code === 'CURSOR_INVALID') {
    return new RequestError('invalid_request', error.message, {
      details: { code: 'INVALID_PARAMETER', path: 'after' },
      cause: error,
    })
  }
  if (error instanceof ReadModelError) {
    return new RequestError('unavailable', error.message, {
      details: { code: error.code },
      retryAfterS: 5,
      cause: error,
    })
  }
  return null
}

const BLOB_FAILURES = {
  BLOB_NOT_FOUND: 'not_found',
  BLOB_TOO_LARGE: 'payload_too_large',
  BLOBS_UNAVAILABLE: 'unavailable',
} as const satisfies { readonly [code: string]: ErrorCode }

function blobFailure(error: BlobStoreError): RequestError {
  const wait = error.code === 'BLOBS_UNAVAILABLE' ? { retryAfterS: 5 } : {}
  return new RequestError(BLOB_FAILURES[error.code], error.message, {
    details: { code: error.code },
    ...wait,
    cause: error,
  })
}

function logFailure(error: LogError): RequestError {
  const details = { code: error.code }
  if (error.code === 'RECORD_TOO_LARGE') {
    return new RequestError('payload_too_large', error.message, { details, cause: error })
  }
  const message =
    error.code === 'OUTCOME_UNKNOWN'
      ? 'the record may or may not have been written; send the request again with the same idempotency key'
      : error.message
  return new RequestError('unavailable', message, { details, retryAfterS: 5, cause: error })
}
