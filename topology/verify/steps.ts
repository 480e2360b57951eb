/**
 * The life of one step as its events tell it. This table is the checker's own, written from the flow language's description and not from the code
 * that decides, so that an error there is not repeated here.
 */
import type { EventRecord } from '../../schemas/records/index.ts'
import type { ViolationCode } from './report.ts'

export type StepEvent = Extract<EventRecord, { readonly stepId: unknown; readonly attempt: number }>

type Phase = 'pending' | 'queued' | 'running' | 'retrying' | 'waiting' | 'ended'

export interface StepHistory {
  phase: Phase
  /** The last attempt that was queued, started or ended. */
  attempt: number
  /** The last attempt that has an end. */
  endedAttempt: number
  started: number
}

export const NEW_STEP: StepHistory = { phase: 'pending', attempt: 0, endedAttempt: 0, started: 0 }

const NEXT: { readonly [K in StepEvent['kind']]: { readonly from: readonly Phase[]; readonly to: Phase } } = {
  StepQueued: { from: ['pending', 'queued', 'retrying'], to: 'queued' },
  StepStarted: { from: ['pending', 'queued', 'retrying'], to: 'running' },
  // an attempt may fail before it is handed to a worker, e.g. because its input cannot be rendered
  StepRetrying: { from: ['pending', 'queued', 'running', 'retrying'], to: 'retrying' },
  StepWaiting: { from: ['pending'], to: 'waiting' },
  StepCompleted: { from: ['pending', 'running', 'waiting'], to: 'ended' },
  StepFailed: { from: ['pending', 'queued', 'running', 'retrying', 'waiting'], to: 'ended' },
  StepSkipped: { from: ['pending'], to: 'ended' },
  StepCancelled: { from: ['pending', 'queued', 'running', 'retrying', 'waiting'], to: 'ended' },
}

export interface StepProblem {
  readonly code: ViolationCode
  readonly message: string
}

/** Moves the step on; returns what is wrong with the event. The first event seen of a step whose past was trimmed may be any. */
export function applyStepEvent(step: StepHistory, event: StepEvent, pastIsKnown: boolean): StepProblem | null {
  const problem = pastIsKnown ? problemOf(step, event) : null
  step.phase = NEXT[event.kind].to
  step.attempt = Math.max(step.attempt, event.attempt)
  if (event.kind === 'StepStarted') step.started += 1
  if (endsAttempt(event)) step.endedAttempt = Math.max(step.endedAttempt, event.attempt)
  return problem
}

/** True for the events that say how an attempt ended. */
export function endsAttempt(event: StepEvent): boolean {
  return event.kind === 'StepRetrying' || event.kind === 'StepCompleted' || event.kind === 'StepFailed'
}

function problemOf(step: StepHistory, event: StepEvent): StepProblem | null {
  const { from } = NEXT[event.kind]
  const said = `${event.kind} of attempt ${event.attempt}`
  if (endsAttempt(event) && event.attempt > 0 && event.attempt <= step.endedAttempt) {
    return { code: 'attempt_applied_twice', message: `${said}, which had ended before` }
  }
  if (!from.includes(step.phase)) {
    const message = `${said} while the step is ${step.phase}; expected it to be ${from.join(' or ')}`
    return { code: 'illegal_step_transition', message }
  }
  if (event.kind === 'StepQueued' || event.kind === 'StepStarted') {
    if (event.attempt === step.endedAttempt + 1) return null
    return { code: 'attempt_out_of_order', message: `${said} after attempt ${step.endedAttempt} ended` }
  }
  const jumped = event.attempt > step.endedAttempt + 1 || event.attempt < step.attempt
  return jumped
    ? { code: 'attempt_out_of_order', message: `${said} while the step is at attempt ${step.attempt}` }
    : null
}
