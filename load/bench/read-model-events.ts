/** Events of made-up runs for the read model: many finished ones over a week, some that wait for something, and one of very many steps. */
import { newRunId, type RunId, type StepId, type TenantId } from '../../schemas/ids.ts'
import { toJsonText } from '../../schemas/json.ts'
import type { EventRecord } from '../../schemas/records/index.ts'
import { Random } from '../process/random.ts'

export const BENCH_TENANT = 'default' as TenantId
export const WEEK_MS = 7 * 24 * 3_600_000
export const BEGAN_MS = 1_760_000_000_000
export const FLOWS = 40
export const CUSTOMERS = 10_000

const OTHER_TENANTS = 20
const STEPS = 2
const PAYLOAD = toJsonText({ text: 'x'.repeat(80) })
const ERROR = { code: 'HTTP_500', message: 'it broke', class: 'transient', retryAfterMs: null, detail: null } as const
const CODES = ['HTTP_500', 'HTTP_404', 'TIMEOUT', 'BAD_INPUT', 'OUT_OF_LUCK']

export interface MadeRun {
  readonly runId: RunId
  readonly events: readonly EventRecord[]
}

export interface Maker {
  finished(index: number, of: number): MadeRun
  live(index: number, of: number): MadeRun
  ofManySteps(steps: number): MadeRun
}

/** The same for the same seed. */
export function eventMaker(seed: number, partitions: number): Maker {
  const random = new Random(seed)
  const below = (bound: number): number => random.between(0, bound - 1)
  const begin = (atMs: number) => {
    const runId = newRunId(below(65_536), () => random.u32())
    const tenant = below(100) < 95 ? BENCH_TENANT : (`tenant-${below(OTHER_TENANTS)}` as TenantId)
    return { runId, tenant, atMs, causeTopic: 'ingest', causeOffset: below(1_000_000) }
  }
  type Base = ReturnType<typeof begin>
  // Few flows have most of the runs.
  const flow = (): string => `flow-${Math.min(below(FLOWS), below(FLOWS))}`
  const accepted = (base: Base): EventRecord => ({
    kind: 'RunAccepted',
    ...base,
    flow: flow(),
    version: 1 + below(3),
    input: PAYLOAD,
    priority: 5,
    stickyKey: null,
    idempotencyKey: null,
    metadata: below(3) === 0 ? toJsonText({ customer: `c-${below(CUSTOMERS)}`, region: `r-${below(5)}` }) : null,
    traceparent: null,
    deadlineAtMs: null,
    replayOf: null,
    replayId: null,
    letterId: null,
    takenOver: [],
  })
  const step = (base: Base, index: number) => ({ ...base, stepId: `step-${index}` as StepId, attempt: 1 })
  const done = (base: Base, index: number): EventRecord[] => [
    { kind: 'StepStarted', ...step(base, index), pool: 'io', poolPartition: 0 },
    {
      kind: 'StepCompleted',
      ...step(base, index),
      output: PAYLOAD,
      workerId: 'worker-1',
      startedAtMs: base.atMs,
      finishedAtMs: base.atMs + 1,
    },
  ]
  const end = (base: Base): EventRecord[] => {
    const late = { ...base, atMs: base.atMs + 10 + below(60_000) }
    const kind = below(100)
    if (kind < 97) return [{ kind: 'RunCompleted', ...late, output: PAYLOAD }]
    if (kind === 97) return [{ kind: 'RunCancelled', ...late, reason: 'no longer wanted', requestedBy: null }]
    const error = { ...ERROR, code: CODES[below(CODES.length)]! }
    const letterId = `letter-${base.runId}`
    const letter: EventRecord = {
      kind: 'LetterStored',
      letterId,
      tenant: base.tenant,
      fingerprint: `fingerprint-${below(200)}`,
      atMs: late.atMs,
      causeTopic: 'dlq',
      causeOffset: 1,
      category: 'step_failed',
      error,
      runId: base.runId,
      flow: 'flow-1',
      stepId: 'step-1' as StepId,
      topic: 'result',
      partition: 0,
      offset: 1,
      parentLetterId: null,
    }
    return [letter, { kind: 'RunFailed', ...late, error, failedStep: 'step-1' as StepId, letterId }]
  }
  const waits = (base: Base): EventRecord => {
    const at = step(base, below(STEPS))
    switch (below(5)) {
      case 0:
        return { kind: 'StepRetrying', ...at, error: ERROR, retryAtMs: base.atMs + 60_000 }
      case 1:
        return { kind: 'StepQueued', ...at, pool: 'io', reason: 'rate' }
      case 2:
        return { kind: 'StepQueued', ...at, pool: 'gpu', reason: 'worker' }
      case 3:
        return { kind: 'StepWaiting', ...at, waitsFor: 'timer', untilMs: base.atMs + WEEK_MS }
      default:
        return { kind: 'StepStarted', ...at, pool: 'io', poolPartition: below(partitions) }
    }
  }
  return {
    finished(index, of) {
      const base = begin(BEGAN_MS + Math.floor((index * WEEK_MS) / of))
      const steps = Array.from({ length: STEPS }, (_, number) => done(base, number)).flat()
      return { runId: base.runId, events: [accepted(base), ...steps, ...end(base)] }
    },
    live(index, of) {
      const base = begin(BEGAN_MS + WEEK_MS - 3_600_000 + Math.floor((index * 3_600_000) / of))
      return { runId: base.runId, events: [accepted(base), waits(base)] }
    },
    ofManySteps(steps) {
      const base = { ...begin(BEGAN_MS + WEEK_MS), tenant: BENCH_TENANT }
      const all = Array.from({ length: steps }, (_, index) => done(base, index))
      return { runId: base.runId, events: [accepted(base), ...all.flat()] }
    },
  }
}
