import { branded, json, long, nullable, oneOf, string, struct, type ValueOf } from '../define.ts'
import type { RunId, StepId, TenantId } from '../ids.ts'

export const runId = branded<RunId>()
export const stepId = branded<StepId>()
export const tenantId = branded<TenantId>()

export const ERROR_CLASSES = ['transient', 'recoverable', 'permanent', 'terminal'] as const

const errorFields = {
  /** Stable, upper snake case, e.g. `HTTP_ERROR`. */
  code: string,
  message: string,
  /** `transient` and `recoverable` are retried, `permanent` is not, `terminal` fails the run at once. */
  class: oneOf(...ERROR_CLASSES),
  /** The next attempt waits at least this long. */
  retryAfterMs: nullable(long),
  detail: nullable(json),
}
/** Why an attempt, a step or a run failed. */
export const errorInfo = struct(errorFields)
export type ErrorInfo = ValueOf<typeof errorFields>
export type ErrorClass = ErrorInfo['class']

const replyToFields = {
  /** Partition of `replies` that the waiting gateway reads. */
  partition: long,
  /** Chosen by the gateway, unique among its waiting requests. */
  correlation: string,
}
/** Where an answer goes once the decision is committed. */
export const replyTo = struct(replyToFields)
export type ReplyTo = ValueOf<typeof replyToFields>

/** The log position of the outside record that set a decision off. */
export const cause = { causeTopic: string, causeOffset: long }
