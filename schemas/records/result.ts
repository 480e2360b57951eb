import { boolean, defineRecord, int, json, long, nullable, oneOf, type RecordOf, string } from '../define.ts'
import { errorInfo, replyTo, runId, stepId, tenantId } from './shared.ts'

/** How an attempt ended. Written by executors (and by route, for an attempt that could not begin or went silent). */
export const AttemptFinished = defineRecord('AttemptFinished', 1, {
  runId,
  stepId,
  attempt: int,
  status: oneOf('success', 'error', 'timeout', 'cancelled', 'lost'),
  /** With `success`. */
  output: nullable(json),
  /** With every other status. */
  error: nullable(errorInfo),
  workerId: string,
  startedAtMs: long,
  finishedAtMs: long,
})
export type AttemptFinished = RecordOf<typeof AttemptFinished>
export type AttemptStatus = AttemptFinished['status']

export const CancelRun = defineRecord('CancelRun', 1, {
  runId,
  tenant: tenantId,
  reason: nullable(string),
  requestedBy: nullable(string),
  force: boolean,
  replyTo: nullable(replyTo),
})
export type CancelRun = RecordOf<typeof CancelRun>
