/** What the checker found. */

export const VIOLATION_CODES = [
  /** An accepted run has no end although everything is processed. */
  'run_lost',
  /** A client was told that a run is accepted and the log knows nothing of it. */
  'acknowledged_run_missing',
  'run_accepted_twice',
  'run_ended_twice',
  'event_after_end',
  'event_without_run',
  'run_away_from_home',
  'illegal_step_transition',
  'attempt_out_of_order',
  'attempt_applied_twice',
  'attempt_assigned_twice',
  'attempt_without_assignment',
  'step_open_after_end',
  /** A result was taken in and its attempt still runs. */
  'result_not_applied',
  /** A step completed and no executor reported success. */
  'completed_without_result',
  'idempotency_key_gave_two_runs',
  'idempotency_answers_differ',
  /** A submission that was taken in became nothing. */
  'submission_unaccounted',
  /** A record that cannot be read was passed over without a dead letter. */
  'record_unaccounted',
  /** An executor counts a step as finished that it neither reported, nor was told to drop, nor copied to the tail. */
  'step_unaccounted',
  'letter_not_stored',
  'letter_stored_twice',
  'letter_replayed_twice',
  'replay_without_run',
  'operation_item_twice',
  /** Its numbers do not fit what it said to have done, or it went on after its end. */
  'operation_miscounted',
  'operation_unfinished',
  'slots_unbalanced',
  'concurrency_exceeded',
  'unprocessed_record',
  'effect_without_attempt',
  'effect_key_malformed',
  'effect_missing',
  'position_beyond_end',
  'record_unreadable',
] as const
export type ViolationCode = (typeof VIOLATION_CODES)[number]

export interface Violation {
  readonly code: ViolationCode
  /** Run, step, partition and offset, as far as they are known. */
  readonly where: string
  readonly message: string
}

export interface VerifyReport {
  /** No violation was found. Says nothing about what was trimmed: see `complete`. */
  readonly ok: boolean
  /** False if something that would be needed was not there (trimmed by retention, still being processed): then `notes` says what. */
  readonly complete: boolean
  readonly notes: readonly string[]
  readonly records: number
  /** Distinct runs seen on `events`, refused ones included. */
  readonly runs: number
  readonly accepted: number
  readonly rejected: number
  readonly ended: {
    readonly completed: number
    readonly failed: number
    readonly cancelled: number
    readonly timed_out: number
  }
  /** Accepted runs without an end. */
  readonly open: number
  readonly lost: number
  readonly doubled: number
  readonly illegalTransitions: number
  readonly attempts: number
  readonly letters: { readonly stored: number; readonly replayed: number; readonly discarded: number }
  /** Records that no task has processed yet. */
  readonly unprocessed: number
  readonly effects: {
    readonly lines: number
    readonly keys: number
    /** Lines beyond the first of a key: the same attempt executed again, which at-least-once execution allows. */
    readonly repeated: number
    /** Lines whose key no record on the log knows. */
    readonly unknown: number
  }
  readonly client: { readonly lines: number; readonly acknowledged: number; readonly missing: number }
  readonly violationCounts: { readonly [code: string]: number }
  /** The first of them, up to the limit that was asked for. */
  readonly violations: readonly Violation[]
}
