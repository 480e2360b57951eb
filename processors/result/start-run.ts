/** A submission that ingest accepted becomes a run, in the same decision. */
import { hash } from 'node:crypto'
import { MAX_KEY_LENGTH } from '../../schemas/codec/submission-check.ts'
import type { CompiledFlow, CompiledStep } from '../../schemas/flow/model.ts'
import type { RunId } from '../../schemas/ids.ts'
import { type Json, toJsonText } from '../../schemas/json.ts'
import type { SubmitRun } from '../../schemas/records/ingest.ts'
import type { KnownFlow } from '../control/flows.ts'
import type { Turn } from '../turn.ts'
import { beginStep, settle } from './advance.ts'
import { changeHead, type OpenRun, stepRow, workOn } from './open-run.ts'
import { keepParsed } from './payloads.ts'
import { runFields, tell } from './report.ts'
import { metadataKey, PAYLOADS, type PayloadRow, type RunHead } from './run-store.ts'
import { scopeOf } from './scope.ts'
import { runMove } from './states.ts'
import { takeOverStep } from './steps.ts'

/** `input`: that of the submission, parsed. */
export function startRun(turn: Turn, id: RunId, known: KnownFlow, submitted: SubmitRun, input: Json): void {
  const { flow } = known
  const submission = { ...submitted, input: turn.stored(submitted.tenant, submitted.input) }
  const inputRow: PayloadRow = { text: submission.input }
  keepParsed(inputRow, input)
  turn.put(PAYLOADS, id, inputRow, submission.input === submitted.input)
  if (submission.metadata !== null) turn.put(PAYLOADS, metadataKey(id), { text: submission.metadata })
  const run = workOn(turn, id, flow, newHead(turn, known, submission))
  changeHead(run, { stickyKey: submission.stickyKey ?? stickyKeyOf(run) })
  const taken = takenOver(flow, submission)
  tellAccepted(run, submission, taken)
  changeHead(run, { state: runMove(id, run.head.state, 'running') })
  for (const { step, output } of taken) takeOverStep(run, step, output)
  for (const index of flow.roots) {
    const step = flow.steps[index]!
    if (run.fatal === null && stepRow(run, step) === undefined) beginStep(run, step)
  }
  settle(run)
}

function newHead(turn: Turn, { version, flow }: KnownFlow, submission: SubmitRun): RunHead {
  const { tenant, priority, stickyKey, idempotencyKey, traceparent, replay } = submission
  return {
    state: 'accepted',
    tenant,
    flow: submission.flow,
    version,
    priority: priority ?? flow.priority,
    stickyKey,
    idempotencyKey,
    traceparent,
    startedAtMs: turn.now,
    deadlineAtMs: flow.deadlineMs === null ? null : turn.now + flow.deadlineMs,
    seed: turn.random(),
    draws: 0,
    ended: 0,
    failedStep: null,
    replay: replay === null ? null : { of: replay.of, replayId: replay.replayId, letterId: replay.letterId },
  }
}

/** A key that cannot be computed means no preference for a worker: that is no reason to refuse or fail a run. */
function stickyKeyOf(run: OpenRun): string | null {
  const { sticky } = run.flow
  if (sticky === null) return null
  try {
    const key = sticky.key.evaluate(scopeOf(run))
    return key === null || key === '' ? null : bounded(typeof key === 'string' ? key : toJsonText(key))
  } catch {
    return null
  }
}

/** The key goes into every record of a step, so a long one is replaced by its hash. */
function bounded(key: string): string {
  return key.length <= MAX_KEY_LENGTH ? key : hash('sha256', key, 'hex')
}

/** Outputs a replay brings along; of steps the flow still has, each once. */
function takenOver(flow: CompiledFlow, submission: SubmitRun) {
  const taken = new Map<CompiledStep, SubmitRun['input']>()
  for (const { stepId, output } of submission.replay?.completed ?? []) {
    const step = flow.byId.get(stepId)
    if (step !== undefined) taken.set(step, output)
  }
  return [...taken].map(([step, output]) => ({ step, output }))
}

function tellAccepted(run: OpenRun, submission: SubmitRun, taken: readonly { readonly step: CompiledStep }[]): void {
  const { flow, version, priority, stickyKey, idempotencyKey, traceparent, deadlineAtMs, replay } = run.head
  tell(run, {
    kind: 'RunAccepted',
    ...runFields(run),
    flow,
    version,
    input: submission.input,
    priority,
    stickyKey,
    idempotencyKey,
    metadata: submission.metadata,
    traceparent,
    deadlineAtMs,
    replayOf: replay?.of ?? null,
    replayId: replay?.replayId ?? null,
    letterId: replay?.letterId || null,
    takenOver: taken.map(({ step }) => step.id),
  })
}
