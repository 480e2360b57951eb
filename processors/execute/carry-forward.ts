/**
 * When a step holds the window of its partition for too long, its record is appended again at the tail of the same partition, under the
 * same attempt, and the old one counts as finished. So one slow step cannot keep everything behind it from being trimmed.
 */
import type { ExecuteStep } from '../../schemas/records/execute.ts'

export interface CarryLimits {
  /** Records read since the step's. */
  readonly records: number
  /** Milliseconds since the step's record was read. */
  readonly ageMs: number
  /** Runs of finished records beyond the step's. */
  readonly runs: number
}

/** What the lowest unfinished record holds up. */
export interface Window {
  /** Records read from it to the read position. */
  readonly records: number
  readonly ageMs: number
  readonly runs: number
}

/** A step that holds up nothing is never carried, however long it takes. */
export function mustCarry(window: Window, limits: CarryLimits): boolean {
  if (window.runs === 0) return false
  return window.records > limits.records || window.ageMs > limits.ageMs || window.runs > limits.runs
}

export function carriedForward(step: ExecuteStep): ExecuteStep {
  return { ...step, carried: step.carried + 1 }
}
