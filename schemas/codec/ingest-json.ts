/**
 * Submissions as they arrive on `ingest` and at the gateway: JSON with snake_case names, or the wire form of `SubmitRun`.
 */
import type { EpochMs, TenantId } from '../ids.ts'
import type { Json } from '../json.ts'
import type { SubmitRun } from '../records/ingest.ts'

export interface SubmissionContext {
  /** `tenant_id`, `idempotency_key` and `traceparent` are honoured and beat what the payload says. */
  readonly headers: { readonly [name: string]: string } | null
  /** The tenant of a submission that names none. */
  readonly defaultTenant: TenantId
  /** When it arrived; 0 where that is not known yet. */
  readonly nowMs: EpochMs
}

export type SubmissionErrorCode =
  | 'INVALID_UTF8'
  | 'INVALID_JSON'
  | 'TOO_DEEP'
  | 'TOO_LARGE'
  | 'UNKNOWN_FIELD'
  | 'MISSING_FIELD'
  | 'INVALID_FIELD'
  | 'NOT_A_SUBMISSION'

/** A submission that cannot be taken. The message says what was found and what was expected. */
export class SubmissionError extends Error {
  readonly code: SubmissionErrorCode
  /** In the JSON form, e.g. `metadata.owner`; empty for the whole. */
  readonly path: string
  constructor(code: SubmissionErrorCode, path: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SubmissionError'
    this.code = code
    this.path = path
  }
}

/** Reads a submission in its JSON form, as bytes or already parsed. @throws {SubmissionError} */
export function parseSubmission(_source: Uint8Array | Json, _context: SubmissionContext): SubmitRun {
  throw new Error('not written yet')
}

/** Reads a record of `ingest`: JSON if its first byte that is no space is `{`, else the wire form. @throws {SubmissionError | DecodeError} */
export function decodeIngest(_value: Uint8Array, _context: SubmissionContext): SubmitRun {
  throw new Error('not written yet')
}
