/** A task with `control` and `route`, attempts whose input is always the same, and a log of what was assigned. */
import { control } from '../../../processors/control/control.ts'
import type { AttemptInput } from '../../../processors/result/attempt-input.ts'
import { createRoute, type RouteOptions } from '../../../processors/route/route.ts'
import type { RunId, StepId, TenantId } from '../../../schemas/ids.ts'
import type { JsonText } from '../../../schemas/json.ts'
import type { TenantChanged } from '../../../schemas/records/control.ts'
import type { ExecuteStep } from '../../../schemas/records/execute.ts'
import type { SlotReleased, StepReady, WorkerChanged } from '../../../schemas/records/route.ts'
import { driveTask, type Emitted, type TaskDriver } from '../../support/outcome.ts'

export const STEP = 'work' as StepId
export const START_MS = 1_000_000

export const INPUT: AttemptInput = {
  ok: true,
  flow: 'orders',
  version: 3,
  block: 'echo',
  input: '{"a":1}' as JsonText,
  timeoutMs: 10_000,
  traceparent: null,
}

export function runIdOf(n: number): RunId {
  return `0000aaaa-bbbb-8ccc-9ddd-${n.toString(16).padStart(12, '0')}` as RunId
}

export function ready(n: number, fields: Partial<StepReady> = {}): StepReady {
  return {
    kind: 'StepReady',
    runId: runIdOf(n),
    stepId: STEP,
    attempt: 1,
    tenant: 'acme' as TenantId,
    pool: 'io',
    priority: 5,
    stickyKey: null,
    stickyTtlMs: null,
    ...fields,
  }
}

export function released(n: number, fields: Partial<SlotReleased> = {}): SlotReleased {
  return { kind: 'SlotReleased', runId: runIdOf(n), stepId: STEP, attempt: 1, reason: 'finished', ...fields }
}

export function limits(tenant: string, revision: number, fields: Partial<TenantChanged> = {}): TenantChanged {
  return {
    kind: 'TenantChanged',
    tenant: tenant as TenantId,
    revision,
    spread: null,
    maxConcurrency: null,
    ratePerSecond: null,
    burst: null,
    weight: 1,
    ...fields,
  }
}

export function worker(partition: number, workerId: string, fields: Partial<WorkerChanged> = {}): WorkerChanged {
  return { kind: 'WorkerChanged', pool: 'io', partition, workerId, state: 'assigned', capacity: 4, ...fields }
}

export function routeTask(options: RouteOptions = {}, partitions = 1, partition = 0): TaskDriver {
  const route = createRoute({ attemptInput: () => INPUT, ...options })
  return driveTask([control, route], { partitions, partition, now: START_MS })
}

export function executed(emits: readonly Emitted[]): (ExecuteStep & { readonly partition: number })[] {
  return emits.flatMap(({ record, partition }) => (record.kind === 'ExecuteStep' ? [{ ...record, partition }] : []))
}

/** The numbers given to {@link ready}. */
export function numbers(steps: readonly { readonly runId: string }[]): number[] {
  return steps.map((step) => Number.parseInt(step.runId.slice(-12), 16))
}
