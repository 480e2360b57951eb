/** Events of made-up runs, in the order in which a task appends them. */
import { homeOf, newRunId, type RunId, type StepId, type TenantId } from '../../../schemas/ids.ts'
import { toJsonText } from '../../../schemas/json.ts'
import type { EventRecord } from '../../../schemas/records/index.ts'

export const TENANT = 'default' as TenantId

/** A small deterministic generator of 32-bit numbers (xorshift). */
export function numbers(seed: number): () => number {
  let x = seed | 1
  return () => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return x >>> 0
  }
}

export function sampleRunId(partition: number, random: () => number): RunId {
  return newRunId(partition, random)
}

export interface SampleRun {
  readonly runId: RunId
  readonly steps: number
  readonly atMs: number
  readonly outputBytes?: number
}

/** A run of `steps` steps that completes: `2 * steps + 2` events. */
export function completedRun({ runId, steps, atMs, outputBytes = 100 }: SampleRun): EventRecord[] {
  const base = { runId, tenant: TENANT, atMs, causeTopic: 'ingest', causeOffset: 7 }
  const output = toJsonText({ text: 'x'.repeat(outputBytes) })
  const events: EventRecord[] = [
    {
      kind: 'RunAccepted',
      ...base,
      flow: 'sample',
      version: 1,
      input: output,
      priority: 5,
      stickyKey: null,
      idempotencyKey: null,
      metadata: null,
      traceparent: null,
      deadlineAtMs: null,
      replayOf: null,
      replayId: null,
      letterId: null,
      takenOver: [],
    },
  ]
  for (let index = 0; index < steps; index++) {
    const step = { ...base, stepId: `step-${index}` as StepId, attempt: 1 }
    events.push({ kind: 'StepStarted', ...step, pool: 'io', poolPartition: 0 })
    const times = { startedAtMs: atMs, finishedAtMs: atMs + 1 }
    events.push({ kind: 'StepCompleted', ...step, output, workerId: 'worker-1', ...times })
  }
  events.push({ kind: 'RunCompleted', ...base, atMs: atMs + 2, output })
  return events
}

export function partitionOf(runId: RunId, partitions: number): number {
  return homeOf(runId, partitions)
}
