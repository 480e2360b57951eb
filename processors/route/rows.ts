/** The rows of `route`'s stores and their keys. */
import { arrayOf, double, int, long, nullable, oneOf, string, type ValueOf } from '../../schemas/define.ts'
import type { RunId, StepId } from '../../schemas/ids.ts'
import { tenantId } from '../../schemas/records/shared.ts'
import { POOLS, type Pool } from '../../schemas/topics.ts'

export const queueFields = {
  attempt: int,
  tenant: tenantId,
  pool: oneOf(...POOLS),
  /** 0..9, higher first. */
  priority: int,
  stickyKey: nullable(string),
  stickyTtlMs: nullable(long),
  /** Order of arrival among the waiting steps of its lane. */
  sequence: long,
  /** Of the pool, while the attempt is assigned; `null` while it waits. */
  partition: nullable(int),
  assignedAtMs: long,
  timeoutMs: long,
  /** When an assigned attempt is looked at for a silent worker; `null` while it waits and once it is given up. */
  dueAtMs: nullable(long),
}
export type QueueRow = ValueOf<typeof queueFields>

export const laneFields = {
  /** The tenant's turn: the lane with the lowest pass goes next and moves back by 1 / weight. */
  pass: double,
  /** Sequence of the next step that arrives. */
  nextSequence: long,
  /** Which of the tenant's own limits the lane waits for; `null` while only the pool's window holds it up. */
  blocked: nullable(oneOf('concurrency', 'rate')),
  /** When the lane is looked at again. */
  wakeAtMs: nullable(long),
}
export type LaneRow = ValueOf<typeof laneFields>

export const tokenFields = {
  tokens: double,
  /** When there were so many. */
  atMs: long,
  /** When the bucket is full again, which is what having no row says too; `null`: never. */
  fullAtMs: nullable(long),
}
export type TokenRow = ValueOf<typeof tokenFields>

export const stickyFields = { partition: int, workerId: string, expiresAtMs: long }
export type StickyRow = ValueOf<typeof stickyFields>

export const workerFields = {
  /** Empty while no owner is known. */
  workerId: string,
  capacity: int,
  /** The last sign of life, to within some seconds. */
  seenAtMs: long,
}
export type WorkerRow = ValueOf<typeof workerFields>

export const deviceFields = {
  backend: nullable(string),
  adapter: nullable(string),
  arrayMaxBytes: nullable(long),
  why: string,
  /** Names of kernels that are compiled there. */
  warm: arrayOf(string),
}
export type DeviceRow = ValueOf<typeof deviceFields>

export function queueKey(run: RunId, step: StepId): string {
  return `${run}/${step}`
}

const RUN_ID_LENGTH = 36

export function parseQueueKey(key: string): { readonly runId: RunId; readonly stepId: StepId } {
  return { runId: key.slice(0, RUN_ID_LENGTH) as RunId, stepId: key.slice(RUN_ID_LENGTH + 1) as StepId }
}

export function laneKey(pool: Pool, tenant: string): string {
  return `${pool}/${tenant}`
}

export function workerKey(pool: Pool, partition: number): string {
  return `${pool}/${partition}`
}

export function deviceKey(pool: Pool, workerId: string): string {
  return `${pool}/${workerId}`
}
