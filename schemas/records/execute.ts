import { defineRecord, int, json, long, nullable, type RecordOf, string } from '../define.ts'
import { runId, stepId, tenantId } from './shared.ts'

/** One attempt for an executor of the pool. `tenant/run/step/attempt` is its stable key towards the outside. */
export const ExecuteStep = defineRecord('ExecuteStep', 1, {
  runId,
  stepId,
  attempt: int,
  tenant: tenantId,
  flow: string,
  version: int,
  /** Block type, e.g. `http`. */
  block: string,
  /** The block's input with all templates rendered. */
  input: json,
  timeoutMs: long,
  priority: int,
  /** The tenant's weight among others, 1..1000. */
  weight: int,
  /** How often the record was carried forward to the tail of its partition. */
  carried: int,
  traceparent: nullable(string),
})
export type ExecuteStep = RecordOf<typeof ExecuteStep>

/** Follows its `ExecuteStep` in the same partition: stop that attempt, its end is already decided. */
export const CancelStep = defineRecord('CancelStep', 1, { runId, stepId, attempt: int })
export type CancelStep = RecordOf<typeof CancelStep>
