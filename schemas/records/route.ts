import { defineRecord, int, long, nullable, oneOf, type RecordOf, string } from '../define.ts'
import { POOLS } from '../topics.ts'
import { replyTo, runId, stepId, tenantId } from './shared.ts'

/** A step may be executed: route queues or assigns it. Its input is rendered when it is assigned. */
export const StepReady = defineRecord('StepReady', 1, {
  runId,
  stepId,
  attempt: int,
  tenant: tenantId,
  pool: oneOf(...POOLS),
  priority: int,
  stickyKey: nullable(string),
  stickyTtlMs: nullable(long),
})
export type StepReady = RecordOf<typeof StepReady>

/** An attempt ended or is not wanted any more: its place in the queue or its slot is free. */
export const SlotReleased = defineRecord('SlotReleased', 1, {
  runId,
  stepId,
  attempt: int,
  /** With `withdrawn` the executor is told to stop, if the step was assigned. */
  reason: oneOf('finished', 'withdrawn'),
})
export type SlotReleased = RecordOf<typeof SlotReleased>

/** A worker took or left a partition of a pool. Sent to every task. */
export const WorkerChanged = defineRecord('WorkerChanged', 1, {
  pool: oneOf(...POOLS),
  partition: int,
  workerId: string,
  state: oneOf('assigned', 'revoked'),
  capacity: int,
})
export type WorkerChanged = RecordOf<typeof WorkerChanged>

/** Asks a task what it has assigned, to whom, and what waits; nothing changes. */
export const DescribeRoute = defineRecord('DescribeRoute', 1, { replyTo })
export type DescribeRoute = RecordOf<typeof DescribeRoute>
