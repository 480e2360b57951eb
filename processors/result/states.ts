/**
 * The states of runs and steps, and every legal change between them. All changes go through {@link stepMove} and {@link runMove}; an illegal one
 * is a broken invariant and throws.
 *
 * Rows of steps hold `ready` from `StepReady` until the attempt ends: whether it is queued or running then is known to route, whose events say
 * so. That is why every ending is legal from `ready` too. Some states belong to parts of the flow language that are not built yet.
 */

export const STEP_STATES = [
  'pending',
  'ready',
  'queued',
  'running',
  'retrying',
  'waiting',
  'completed',
  'failed',
  'timed_out',
  'cancelled',
  'skipped',
  'compensating',
  'compensated',
  'compensation_failed',
] as const
export type StepState = (typeof STEP_STATES)[number]

export const RUN_STATES = [
  'accepted',
  'running',
  'paused',
  'compensating',
  'completed',
  'failed',
  'cancelled',
  'timed_out',
] as const
export type RunState = (typeof RUN_STATES)[number]

const ATTEMPT_ENDS = ['completed', 'failed', 'timed_out', 'retrying', 'cancelled'] as const

export const STEP_TRANSITIONS: { readonly [From in StepState]: readonly StepState[] } = {
  pending: ['ready', 'waiting', 'completed', 'failed', 'skipped', 'cancelled'],
  ready: ['queued', 'running', ...ATTEMPT_ENDS],
  queued: ['running', ...ATTEMPT_ENDS],
  running: ATTEMPT_ENDS,
  retrying: ['ready', 'queued', 'failed', 'cancelled'],
  waiting: ['completed', 'failed', 'cancelled'],
  completed: ['compensating'],
  failed: [],
  timed_out: [],
  cancelled: [],
  skipped: [],
  compensating: ['compensated', 'compensation_failed'],
  compensated: [],
  compensation_failed: [],
}

export const RUN_TRANSITIONS: { readonly [From in RunState]: readonly RunState[] } = {
  accepted: ['running'],
  running: ['paused', 'compensating', 'completed', 'failed', 'cancelled', 'timed_out'],
  paused: ['running', 'compensating', 'failed', 'cancelled', 'timed_out'],
  compensating: ['failed', 'cancelled', 'timed_out'],
  completed: [],
  failed: [],
  cancelled: [],
  timed_out: [],
}

export class IllegalTransition extends Error {
  constructor(what: string, from: string, to: string) {
    super(`${what} cannot go from '${from}' to '${to}'`)
    this.name = 'IllegalTransition'
  }
}

/** The new state of a step. @throws {IllegalTransition} */
export function stepMove(what: string, from: StepState, to: StepState): StepState {
  if (!STEP_TRANSITIONS[from].includes(to)) throw new IllegalTransition(`step ${what}`, from, to)
  return to
}

/** The new state of a run. @throws {IllegalTransition} */
export function runMove(what: string, from: RunState, to: RunState): RunState {
  if (!RUN_TRANSITIONS[from].includes(to)) throw new IllegalTransition(`run ${what}`, from, to)
  return to
}

const ENDED: ReadonlySet<StepState> = new Set([
  'completed',
  'failed',
  'timed_out',
  'cancelled',
  'skipped',
  'compensating',
  'compensated',
  'compensation_failed',
])

/** True once the step's own work has ended, whatever compensation does later. */
export function hasEnded(state: StepState): boolean {
  return ENDED.has(state)
}
