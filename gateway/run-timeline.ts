/** When each step queued, ran and waited, out of the events of its run. */
import type { EpochMs, StepId } from '../schemas/ids.ts'
import type { RunEvent } from '../topology/read-model/lists.ts'

export interface Span {
  readonly stepId: StepId
  /** From 1; 0 before the first. */
  readonly attempt: number
  readonly kind: 'queued' | 'running' | 'waiting' | 'retrying'
  readonly fromMs: EpochMs
  /** `null`: it goes on. */
  readonly toMs: EpochMs | null
  /** How it ended, e.g. `completed`; where it did nothing else than go on: `null`. */
  readonly outcome: string | null
}

const BEGINS: { readonly [kind: string]: Span['kind'] } = {
  StepQueued: 'queued',
  StepStarted: 'running',
  StepWaiting: 'waiting',
  StepRetrying: 'retrying',
}
const OUTCOMES: { readonly [kind: string]: string } = {
  StepRetrying: 'failed',
  StepCompleted: 'completed',
  StepFailed: 'failed',
  StepSkipped: 'skipped',
  StepCancelled: 'cancelled',
}

/** Events in their order; `endMs`: when the run ended, which ends whatever goes on. */
export function spansOf(events: readonly RunEvent[], endMs: EpochMs | null): readonly Span[] {
  const open = new Map<StepId, Span>()
  const spans: Span[] = []
  for (const { stepId, atMs, kind, attempt } of events) {
    if (stepId === null) continue
    const before = open.get(stepId)
    if (before !== undefined) spans.push({ ...before, toMs: atMs, outcome: OUTCOMES[kind] ?? null })
    open.delete(stepId)
    const begun = BEGINS[kind]
    if (begun === undefined) continue
    // an attempt that failed waits for the next one
    open.set(stepId, { stepId, attempt: attempt ?? 0, kind: begun, fromMs: atMs, toMs: null, outcome: null })
  }
  for (const span of open.values()) spans.push(endMs === null ? span : { ...span, toMs: endMs, outcome: 'ended' })
  return spans.sort((a, b) => a.fromMs - b.fromMs || (a.stepId < b.stepId ? -1 : 1))
}
