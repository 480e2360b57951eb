/** Events of single runs and letters, made to measure. */
import type { RunId, StepId, TenantId } from '../../../schemas/ids.ts'
import { toJsonText } from '../../../schemas/json.ts'
import type { EventRecord } from '../../../schemas/records/index.ts'
import { completedRun, numbers, sampleRunId, TENANT } from './sample-events.ts'

export const error = {
  code: 'BOOM',
  message: 'it broke',
  class: 'transient',
  retryAfterMs: null,
  detail: null,
} as const
const random = numbers(41)
export const newId = (partition = 0): RunId => sampleRunId(partition, random)

interface Sample {
  readonly runId?: RunId
  readonly tenant?: TenantId
  readonly atMs: number
  readonly flow?: string
  readonly version?: number
  readonly metadata?: object
  /** What follows the acceptance. */
  readonly after?: (base: Base) => readonly EventRecord[]
}

export type Base = ReturnType<typeof baseOf>
export const baseOf = (runId: RunId, tenant: TenantId, atMs: number) => ({
  runId,
  tenant,
  atMs,
  causeTopic: 'ingest',
  causeOffset: 7,
})

export function sample({
  runId = newId(),
  tenant = TENANT,
  atMs,
  flow = 'sample',
  version = 1,
  metadata,
  after,
}: Sample) {
  const base = baseOf(runId, tenant, atMs)
  const [accepted] = completedRun({ runId, steps: 0, atMs })
  const given = metadata === undefined ? null : toJsonText(metadata)
  const first = { ...accepted!, ...base, flow, version, metadata: given } as EventRecord
  return [first, ...(after?.(base) ?? [])]
}

export const step = (base: Base, stepId: string) => ({ ...base, stepId: stepId as StepId, attempt: 1 })
export const started = (base: Base, id = 'a'): EventRecord => ({
  kind: 'StepStarted',
  ...step(base, id),
  pool: 'io',
  poolPartition: 0,
})
export const retrying = (base: Base, id = 'a'): EventRecord => ({
  kind: 'StepRetrying',
  ...step(base, id),
  error,
  retryAtMs: base.atMs + 500,
})
export const queued = (base: Base, reason: 'rate' | 'worker', id = 'a'): EventRecord => ({
  kind: 'StepQueued',
  ...step(base, id),
  pool: 'cpu',
  reason,
})
export const timer = (base: Base, id = 'a'): EventRecord => ({
  kind: 'StepWaiting',
  ...step(base, id),
  waitsFor: 'timer',
  untilMs: base.atMs + 9_000,
})
export const failed = (base: Base, code = 'BOOM', tookMs = 10): EventRecord => ({
  kind: 'RunFailed',
  ...base,
  atMs: base.atMs + tookMs,
  error: { ...error, code },
  failedStep: null,
  letterId: null,
})
export const completed = (base: Base, tookMs = 10): EventRecord => ({
  kind: 'RunCompleted',
  ...base,
  atMs: base.atMs + tookMs,
  output: toJsonText({}),
})
export const letter = (letterId: string, atMs: number, more: object = {}): EventRecord =>
  ({
    kind: 'LetterStored',
    letterId,
    tenant: TENANT,
    fingerprint: 'f1',
    atMs,
    causeTopic: 'result',
    causeOffset: 1,
    category: 'step_failed',
    error,
    runId: null,
    flow: 'sample',
    stepId: null,
    topic: 'result',
    partition: 0,
    offset: 3,
    parentLetterId: null,
    ...more,
  }) as EventRecord

export const idOf = (events: readonly EventRecord[]): RunId => (events[0] as { readonly runId: RunId }).runId
