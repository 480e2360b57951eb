/** One task with a published flow and a bare stand-in for route, so that a test can tell a run's story. */
import { control } from '../../../processors/control/control.ts'
import { ingest } from '../../../processors/ingest/ingest.ts'
import { attemptInput } from '../../../processors/result/attempt-input.ts'
import { result } from '../../../processors/result/result.ts'
import { handlers, type Processor } from '../../../processors/turn.ts'
import { checkFlow } from '../../../schemas/flow/compile.ts'
import { DEFAULT_TENANT, type RunId, type StepId } from '../../../schemas/ids.ts'
import { type Json, type JsonText, parseJson, toJsonText } from '../../../schemas/json.ts'
import type { FlowPublished } from '../../../schemas/records/control.ts'
import type { BeamlineRecord, EventRecord } from '../../../schemas/records/index.ts'
import type { SubmitRun } from '../../../schemas/records/ingest.ts'
import type { AttemptFinished } from '../../../schemas/records/result.ts'
import type { ErrorInfo } from '../../../schemas/records/shared.ts'
import { driveTask, type TaskDriver } from '../../support/outcome.ts'

export const RUN = '00000000-0000-8000-8000-000000000001' as RunId

export function publication(document: object, version = 1): FlowPublished {
  const checked = checkFlow(JSON.stringify(document))
  if (!checked.ok) throw new Error(checked.problems.map(({ path, message }) => `${path}: ${message}`).join('\n'))
  return {
    kind: 'FlowPublished',
    tenant: DEFAULT_TENANT,
    flow: checked.name,
    version,
    document: checked.document,
    hash: '',
    publishedAtMs: 0,
    publishedBy: null,
  }
}

export function submission(flow: string, change: Partial<SubmitRun> = {}): SubmitRun {
  return {
    kind: 'SubmitRun',
    runId: RUN,
    tenant: DEFAULT_TENANT,
    flow,
    version: null,
    input: '{}' as JsonText,
    idempotencyKey: null,
    stickyKey: null,
    priority: null,
    metadata: null,
    traceparent: null,
    replyTo: null,
    submittedAtMs: 0,
    replay: null,
    ...change,
  }
}

export function attemptError(change: Partial<ErrorInfo> = {}): ErrorInfo {
  return { code: 'BROKEN', message: 'broken', class: 'permanent', retryAfterMs: null, detail: null, ...change }
}

/** An attempt that route has handed out. */
export interface Running {
  readonly runId: RunId
  readonly stepId: StepId
  readonly attempt: number
  readonly input: Json
}

export interface Scenario extends TaskDriver {
  /** Attempts handed out and not ended, in order, as `step#attempt`. */
  running(): string[]
  /** The attempts themselves. */
  readonly attempts: ReadonlyMap<string, Running>
  finish(step: string, output?: Json): void
  fail(step: string, error?: Partial<ErrorInfo>, status?: AttemptFinished['status']): void
  /** Events so far, as `StepCompleted a`, those of the run without a step. */
  story(): string[]
  events(): EventRecord[]
  records<K extends BeamlineRecord['kind']>(kind: K): Extract<BeamlineRecord, { kind: K }>[]
}

/** Hands every ready attempt out at once, unless nobody wants it any more. */
export function bareRoute(attempts: Map<string, Running>): Processor {
  return {
    topic: 'route',
    stores: [],
    due: [],
    handlers: handlers({
      StepReady(turn, { runId, stepId, attempt }) {
        const input = attemptInput(turn, runId, stepId, attempt)
        if (input === null) return
        if (input.ok) attempts.set(`${runId}/${stepId}`, { runId, stepId, attempt, input: parseJson(input.input) })
        else turn.emit('result', turn.partition, ended(runId, stepId, attempt, 'error', null, input.error))
      },
      SlotReleased(_turn, { runId, stepId }) {
        attempts.delete(`${runId}/${stepId}`)
      },
    }),
  }
}

export function ended(
  runId: RunId,
  stepId: StepId,
  attempt: number,
  status: AttemptFinished['status'],
  output: JsonText | null,
  error: ErrorInfo | null,
): AttemptFinished {
  return {
    kind: 'AttemptFinished',
    runId,
    stepId,
    attempt,
    status,
    output,
    error,
    workerId: 'w1',
    startedAtMs: 10,
    finishedAtMs: 20,
  }
}

/** Publishes the flow and, unless told not to, starts {@link RUN}. */
export function scenario(
  document: object,
  submit: Partial<SubmitRun> | null = {},
  options: Parameters<typeof driveTask>[1] = {},
): Scenario {
  const attempts = new Map<string, Running>()
  const driver = driveTask([control, result, bareRoute(attempts), ingest], options)
  const flow = publication(document)
  driver.send('control', flow)
  if (submit !== null) driver.send('ingest', submission(flow.flow, submit))
  const isEvent = (record: BeamlineRecord): record is EventRecord => 'causeTopic' in record
  const current = (step: string): Running => {
    const running = attempts.get(`${RUN}/${step}`)
    if (running === undefined) throw new Error(`step ${step} is not running`)
    return running
  }
  return Object.assign(driver, {
    attempts,
    running: () => [...attempts.values()].map(({ stepId, attempt }) => `${stepId}#${attempt}`),
    finish(step: string, output: Json = null) {
      const { runId, stepId, attempt } = current(step)
      driver.send('result', ended(runId, stepId, attempt, 'success', toJsonText(output), null))
    },
    fail(step: string, error: Partial<ErrorInfo> = {}, status: AttemptFinished['status'] = 'error') {
      const { runId, stepId, attempt } = current(step)
      driver.send('result', ended(runId, stepId, attempt, status, null, attemptError(error)))
    },
    events: () => driver.emits.map(({ record }) => record).filter(isEvent),
    story: () =>
      driver.emits
        .map(({ record }) => record)
        .filter(isEvent)
        .map((event) => ('stepId' in event && event.stepId !== null ? `${event.kind} ${event.stepId}` : event.kind)),
    records: <K extends BeamlineRecord['kind']>(kind: K) =>
      driver.emits
        .map(({ record }) => record)
        .filter((record): record is Extract<BeamlineRecord, { kind: K }> => record.kind === kind),
  })
}

/** `echo` steps in the short form `id: [dependencies]`. */
export function graph(steps: { readonly [id: string]: readonly string[] }, flow: object = {}): object {
  return {
    flow: 'test',
    steps: Object.entries(steps).map(([id, after]) => ({ id, type: 'echo', with: {}, after })),
    ...flow,
  }
}
