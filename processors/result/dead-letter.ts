/** The dead letter of a run: what a replay needs to go on where it failed. */
import type { StepId } from '../../schemas/ids.ts'
import type { TakenOver } from '../../schemas/records/ingest.ts'
import type { ErrorInfo } from '../../schemas/records/shared.ts'
import { inputRow, type OpenRun, outputText, stepRow } from './open-run.ts'
import { metadataKey, PAYLOADS } from './run-store.ts'

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
    parentLetterId: head.replay?.letterId ?? null,
    atMs: turn.now,
  } as const
  turn.emit('dlq', turn.partition, letter, id)
  return id
}

function completedSteps(run: OpenRun): TakenOver[] {
  const completed: TakenOver[] = []
  for (const step of run.flow.steps) {
    if (stepRow(run, step)?.state === 'completed') completed.push({ stepId: step.id, output: outputText(run, step) })
  }
  return completed
}
