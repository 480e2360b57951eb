/**
 * The rows of a run: a head, a row per step that was reached, and its input and each output as rows of their own, written once. All are deleted
 * when the run ends.
 */
import { defineValue, int, json, long, nullable, oneOf, string, struct, type ValueOf } from '../../schemas/define.ts'
import type { RunId, StepId } from '../../schemas/ids.ts'
import { errorInfo, runId, stepId, tenantId } from '../../schemas/records/shared.ts'
import { rowCount } from '../row-count.ts'
import type { StoreDef } from '../turn.ts'
import { RUN_STATES, STEP_STATES } from './states.ts'

const runFields = {
  state: oneOf(...RUN_STATES),
  tenant: tenantId,
  flow: string,
  version: int,
  priority: int,
  stickyKey: nullable(string),
  idempotencyKey: nullable(string),
  traceparent: nullable(string),
  startedAtMs: long,
  deadlineAtMs: nullable(long),
  /** Of the run's own generator, and how many numbers were drawn from it. */
  seed: long,
  draws: int,
  /** Number of steps that have ended. */
  ended: int,
  /** The first step that failed and was not optional. */
  failedStep: nullable(stepId),
  replay: nullable(struct({ of: runId, replayId: string, letterId: string })),
}
export type RunHead = ValueOf<typeof runFields>

const stepFields = {
  state: oneOf(...STEP_STATES),
  /** The current attempt, from 1; 0 before the first. */
  attempt: int,
  /** When the state was entered. */
  sinceMs: long,
  /** When the next attempt begins or the wait ends. */
  dueAtMs: nullable(long),
  /** Of a step that failed, and of the last attempt while it is being retried. */
  error: nullable(errorInfo),
  /** How the dependencies that have ended did so; counted for steps with more than one, while they are pending. */
  met: int,
  unmet: int,
  broken: int,
  /** How many steps of the run had ended when it began, which are those it sees; with itself once it has ended. */
  order: int,
}
export type StepRow = ValueOf<typeof stepFields>

const payloadFields = { text: json }
export type PayloadRow = ValueOf<typeof payloadFields>

/** Unfinished runs of the task. */
export const RUN_COUNT = rowCount<RunHead>('run-count')

/** By run id. Due at the run's deadline. */
export const RUNS: StoreDef<RunHead> = {
  name: 'runs',
  id: 20,
  type: defineValue('RunHead', runFields),
  dueAt: (head) => head.deadlineAtMs,
  indexes: [RUN_COUNT],
}

/** By `run/step`; iterations will be `run/step/index`. */
export const STEPS: StoreDef<StepRow> = {
  name: 'steps',
  id: 21,
  type: defineValue('StepRow', stepFields),
  dueAt: (row) => row.dueAtMs,
}

/** `run`: the input; `run/step`: the step's output; `run//metadata`. */
export const PAYLOADS: StoreDef<PayloadRow> = {
  name: 'payloads',
  id: 22,
  type: defineValue('PayloadRow', payloadFields),
}

export function stepKey(run: RunId, step: StepId): string {
  return `${run}/${step}`
}

export function metadataKey(run: RunId): string {
  return `${run}//metadata`
}

const RUN_ID_LENGTH = 36

/** The run and the step of a key of {@link STEPS}. */
export function parseStepKey(key: string): { readonly runId: RunId; readonly stepId: StepId } {
  return { runId: key.slice(0, RUN_ID_LENGTH) as RunId, stepId: key.slice(RUN_ID_LENGTH + 1) as StepId }
}

export const UNREACHED: StepRow = {
  state: 'pending',
  attempt: 0,
  sinceMs: 0,
  dueAtMs: null,
  error: null,
  met: 0,
  unmet: 0,
  broken: 0,
  order: 0,
}
