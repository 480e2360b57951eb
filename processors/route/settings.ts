import type { RunId, StepId } from '../../schemas/ids.ts'
import { type AttemptInput, attemptInput, attemptIsWanted } from '../result/attempt-input.ts'
import type { Turn } from '../turn.ts'

export interface RouteOptions {
  /** Attempts of a pool that the task keeps assigned at once; at least 1, default 256. */
  readonly window?: number
  /**
   * How long after an attempt's timeout its worker may stay silent; default 60,000: 30 s to report, and as much for what a step waits in the
   * worker's read-ahead or is carried forward.
   */
  readonly graceMs?: number
  /** After this long (plus its timeout) an attempt is given up even if its worker shows signs of life; default 3,600,000. */
  readonly longestMs?: number
  /** Sticky keys the task remembers at once; beyond them the oldest is forgotten early. At least 1, default 100,000. */
  readonly maxStickyKeys?: number
  /** What an attempt is given; default: from the rows of its run. */
  readonly attemptInput?: AttemptInputOf
  /** Whether a step that has to wait is still wanted; default: from the rows of its run, or yes where `attemptInput` is given. */
  readonly isWanted?: IsWanted
}

export type IsWanted = (turn: Turn, runId: RunId, stepId: StepId, attempt: number) => boolean

export type AttemptInputOf = (turn: Turn, runId: RunId, stepId: StepId, attempt: number) => AttemptInput | null

export type RouteSettings = Required<RouteOptions>

/** @throws {RangeError} */
export function routeSettings(options: RouteOptions): RouteSettings {
  const isWanted = options.attemptInput === undefined ? attemptIsWanted : () => true
  const defaults = { window: 256, graceMs: 60_000, longestMs: 3_600_000, maxStickyKeys: 100_000 }
  const settings = { ...defaults, attemptInput, isWanted, ...options }
  atLeast('window', settings.window, 1)
  atLeast('graceMs', settings.graceMs, 0)
  atLeast('longestMs', settings.longestMs, 0)
  atLeast('maxStickyKeys', settings.maxStickyKeys, 1)
  return settings
}

function atLeast(name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least) {
    throw new RangeError(`route option '${name}' is ${value}; expected a whole number of at least ${least}`)
  }
}
