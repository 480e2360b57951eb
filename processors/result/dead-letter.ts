/** The dead letter of a run: what a replay needs to go on where it failed. */
import type { StepId } from '../../schemas/ids.ts'
import type { TakenOver } from '../../schemas/records/ingest.ts'
import type { ErrorInfo } from '../../schemas/records/shared.ts'
import { inputRow, type OpenRun, outputText, stepRow } from './open-run.ts'
import { metadataKey, PAYLOADS } from './run-store.ts'
import { MAX_TEXT_BYTES } from './template-text.ts'

/** Sends the letter and gives its id, which is the run's: a run leaves at most one. */
export function sendLetter(run: OpenRun, failedStep: StepId | null, error: ErrorInfo): string {
  const { turn, head, id } = run
  const { tenant, flow, version, stickyKey, priority, traceparent } = head
  const step = failedStep === null ? undefined : run.flow.byId.get(failedStep)
  const letter = {
    kind: 'DeadLetter',
    letterId: id,
    tenant,
    category: 'run_failed',
    error,
    topic: turn.cause.topic,
    partition: turn.partition,
    offset: turn.cause.offset,
    run: {
      runId: id,
      flow,
      version,
      input: inputRow(run).text,
      stickyKey,
      priority,
      metadata: turn.get(PAYLOADS, metadataKey(id))?.text ?? null,
      traceparent,
      failedStep,
      attempts: step === undefined ? 0 : (stepRow(run, step)?.attempt ?? 0),
      completed: completedSteps(run),
    },
    record: null,
    parentLetterId: head.replay?.letterId || null,
    atMs: turn.now,
  } as const
  turn.emit('dlq', turn.partition, letter, id)
  return id
}

/**
 * What a replay takes over. As much as a record can hold, in the order in which the steps ended, so that no step is taken over without those it was
 * built on; the replay runs the rest again.
 */
function completedSteps(run: OpenRun): TakenOver[] {
  const taken = new Map<StepId, TakenOver>()
  let room = MAX_TEXT_BYTES
  const completed = run.flow.steps.filter((step) => stepRow(run, step)?.state === 'completed')
  for (const step of completed.sort((a, b) => stepRow(run, a)!.order - stepRow(run, b)!.order)) {
    const output = outputText(run, step)
    room -= Buffer.byteLength(output)
    if (room < 0) break
    taken.set(step.id, { stepId: step.id, output })
  }
  return run.flow.steps.flatMap(({ id }) => taken.get(id) ?? [])
}
