import { arrayOf, defineRecord, int, long, nullable, oneOf, type RecordOf, string } from '../define.ts'
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

/** What a worker's steps of the pool run on, and what is ready there. Sent to every task, after the partitions that the worker took. */
export const WorkerDevice = defineRecord('WorkerDevice', 1, {
  pool: oneOf(...POOLS),
  workerId: string,
  /** E.g. `webgpu`; `null`: no device is open now. */
  backend: nullable(string),
  adapter: nullable(string),
  /** Largest array it takes; `null`: only memory limits it. */
  arrayMaxBytes: nullable(long),
  /** Why it is this device. */
  why: string,
  /** Names of kernels that are compiled there, ascending. */
  warm: arrayOf(string),
})
export type WorkerDevice = RecordOf<typeof WorkerDevice>

/** Asks a task what it has assigned, to whom, and what waits; nothing changes. */
export const DescribeRoute = defineRecord('DescribeRoute', 1, { replyTo })
export type DescribeRoute = RecordOf<typeof DescribeRoute>
