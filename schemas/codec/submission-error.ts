export type SubmissionErrorCode =
  | 'INVALID_UTF8'
  | 'INVALID_JSON'
  | 'TOO_DEEP'
  | 'TOO_LARGE'
  | 'LONE_SURROGATE'
  | 'UNKNOWN_FIELD'
  | 'MISSING_FIELD'
  | 'INVALID_FIELD'
  | 'NOT_A_SUBMISSION'

/** A submission that cannot be taken. The message says what was found and what was expected. */
export class SubmissionError extends Error {
  readonly code: SubmissionErrorCode
  /** In the JSON form, e.g. `metadata`; empty for the whole. */
  readonly path: string
  constructor(code: SubmissionErrorCode, path: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SubmissionError'
    this.code = code
    this.path = path
  }
}
