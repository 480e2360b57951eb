/** Runs as JSON text. Payloads are pasted in as the text they are, never parsed. */
import type { JsonText } from '../../schemas/json.ts'
import type { AsOf } from '../../topology/read-model/lists.ts'
import type { FailedAttempt, RunSummary, RunView, StepView, StoredPayload } from '../../topology/read-model/port.ts'

/** Fields of an object that is being written; values are JSON text. */
type Fields = readonly (readonly [name: string, json: string])[]

const object = (fields: Fields): string => `{${fields.map(([name, json]) => `"${name}":${json}`).join(',')}}`
const json = (value: string | number | boolean | null): string => JSON.stringify(value)
const pasted = (text: JsonText | null): string => text ?? 'null'

export function runJson(run: RunView): string {
  return object([
    ...summaryFields(run),
    ['priority', json(run.priority)],
    ['sticky_key', json(run.stickyKey)],
    ['idempotency_key', json(run.idempotencyKey)],
    ['deadline_at_ms', json(run.deadlineAtMs)],
    ['metadata', pasted(run.metadata)],
    ...payloadFields('input', run.input),
    ...payloadFields('output', run.output),
    ['failed_step', json(run.failedStep)],
    ['cancel_reason', json(run.cancelReason)],
    ['letter_id', json(run.letterId)],
    [
      'cause',
      object([
        ['topic', json(run.cause.topic)],
        ['offset', json(run.cause.offset)],
      ]),
    ],
    ['steps', `[${run.steps.map(stepJson).join(',')}]`],
    ['as_of', json(`events/${run.asOf.partition}/${run.asOf.offset}`)],
  ])
}

/** What a list contains: the position of each partition of `events`, and the time of the latest event. */
export function asOfShown({ positions, eventMs }: AsOf): object {
  return { positions: positions.map((offset, partition) => `events/${partition}/${offset}`), event_at_ms: eventMs }
}

export function asOfJson(asOf: AsOf): string {
  return JSON.stringify(asOfShown(asOf))
}

export function summaryJson(run: RunSummary): string {
  return object(summaryFields(run))
}

function summaryFields(run: RunSummary): Fields {
  return [
    ['run_id', json(run.runId)],
    ['tenant_id', json(run.tenant)],
    ['flow', json(run.flow)],
    ['version', json(run.version)],
    ['status', json(run.status)],
    ['accepted_at_ms', json(run.acceptedAtMs)],
    ['started_at_ms', json(run.startedAtMs)],
    ['finished_at_ms', json(run.finishedAtMs)],
    ['error', pasted(run.error)],
    ['replay_of', json(run.replayOf)],
    ['replay_id', json(run.replayId)],
  ]
}

function stepJson(step: StepView): string {
  return object([
    ['step_id', json(step.stepId)],
    ['status', json(step.status)],
    ['attempt', json(step.attempt)],
    ['pool', json(step.pool)],
    ['worker_id', json(step.workerId)],
    ['queued_at_ms', json(step.queuedAtMs)],
    ['started_at_ms', json(step.startedAtMs)],
    ['finished_at_ms', json(step.finishedAtMs)],
    ['due_at_ms', json(step.dueAtMs)],
    ['reason', json(step.reason)],
    ...payloadFields('output', step.output),
    ['error', pasted(step.error)],
    ['optional', json(step.optional)],
    ['failed_attempts', `[${step.failedAttempts.map(attemptJson).join(',')}]`],
  ])
}

function attemptJson({ attempt, failedAtMs, error }: FailedAttempt): string {
  return object([
    ['attempt', json(attempt)],
    ['failed_at_ms', json(failedAtMs)],
    ['error', error],
  ])
}

/** A payload that was too large to be kept is `null`, and its size is told beside it. */
function payloadFields(name: string, payload: StoredPayload | null): Fields {
  if (payload === null) return [[name, 'null']]
  if (payload.kind === 'text') return [[name, payload.text]]
  return [
    [name, 'null'],
    [`${name}_omitted_bytes`, json(payload.sizeBytes)],
  ]
}
