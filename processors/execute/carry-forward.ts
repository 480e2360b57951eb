/**
 * When a step holds the window of its partition for too long, its record is appended again at the tail of the same partition, under the
 * same attempt, and the old one counts as finished. So one slow step cannot keep everything behind it from being trimmed.
 */
import type { ExecuteStep } from '../../schemas/records/execute.ts'

export interface CarryLimits {
  /** A step that has held its offset for less is not carried; so it is also the pause between two carries of one step. */
  readonly minAgeMs: number
  /** Records read since the step's. */
  readonly records: number
  /** Milliseconds for which a step may hold its offset. */
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
  if (window.runs === 0 || window.ageMs < limits.minAgeMs) return false
  return window.records > limits.records || window.ageMs > limits.ageMs || window.runs > limits.runs
}

export function carriedForward(step: ExecuteStep): ExecuteStep {
  return { ...step, carried: step.carried + 1 }
}
