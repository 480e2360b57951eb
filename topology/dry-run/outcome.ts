/** What became of the run of a dry run, folded from its events. */
import { parseJson } from '../../schemas/json.ts'
import type { BeamlineRecord } from '../../schemas/records/index.ts'
import type { ErrorInfo } from '../../schemas/records/shared.ts'
import type { Stage } from './blocks.ts'
import type { DryRunError, DryRunReport, DryStep } from './port.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Step = Mutable<Omit<DryStep, 'input' | 'mocked'>>

export class Outcome {
  readonly #runId: string
  readonly #steps = new Map<string, Step>()
  #status: DryRunReport['status'] = 'unfinished'
  #output: DryRunReport['output'] = null
  #error: DryRunError | null = null
  #fromMs: number | null = null
  #toMs: number | null = null

  constructor(runId: string) {
    this.#runId = runId
  }

  get ended(): boolean {
    return this.#status !== 'unfinished'
  }

  get accepted(): boolean {
    return this.#fromMs !== null
  }

  apply(event: BeamlineRecord): void {
    if (!('runId' in event) || event.runId !== this.#runId || this.ended) return
    switch (event.kind) {
      case 'RunAccepted':
        this.#fromMs = event.atMs
        return
      case 'RunCompleted':
        this.#output = parseJson(event.output)
        this.#end('completed', event.atMs, null)
        return
      case 'RunFailed':
        this.#end('failed', event.atMs, event.error)
        return
      case 'RunRejected':
        this.#end('rejected', event.atMs, event.error)
        return
      case 'RunCancelled':
        this.#end('cancelled', event.atMs, null)
        return
      case 'RunTimedOut':
        this.#end('timed_out', event.atMs, null)
        return
      default:
        if ('stepId' in event && 'attempt' in event && 'atMs' in event) this.#applyStep(event)
    }
  }

  #applyStep(event: BeamlineRecord): void {
    switch (event.kind) {
      case 'StepQueued':
        this.#set(event, 'queued')
        return
      case 'StepStarted':
        this.#set(event, 'running')
        return
      case 'StepWaiting':
        this.#set(event, 'waiting')
        return
      case 'StepRetrying':
        this.#set(event, 'retrying', { error: errorOf(event.error) })
        return
      case 'StepCompleted':
        this.#finish(event, 'completed', { output: parseJson(event.output), error: null })
        return
      case 'StepFailed':
        this.#finish(event, event.status, { error: errorOf(event.error) })
        return
      case 'StepSkipped':
        this.#finish(event, 'skipped', { reason: event.reason })
        return
      case 'StepCancelled':
        this.#finish(event, 'cancelled', { reason: event.reason })
        return
    }
  }

  #set(event: StepEvent, status: Step['status'], more: Partial<Step> = {}): void {
    const id = event.stepId
    const step = this.#steps.get(id) ?? {
      id,
      status,
      attempts: 0,
      output: null,
      error: null,
      reason: null,
      endedAfterMs: null,
    }
    this.#steps.set(id, Object.assign(step, { status, attempts: Math.max(step.attempts, event.attempt) }, more))
  }

  #finish(event: StepEvent, status: Step['status'], more: Partial<Step>): void {
    this.#set(event, status, { ...more, endedAfterMs: event.atMs - (this.#fromMs ?? event.atMs) })
  }

  #end(status: DryRunReport['status'], atMs: number, error: ErrorInfo | null): void {
    this.#status = status
    this.#toMs = atMs
    this.#error = error === null ? null : errorOf(error)
  }

  report({ calls, unmocked }: Stage, nowMs: number, problems: readonly string[]): DryRunReport {
    const steps = [...this.#steps.values()].map((step) => {
      const call = calls.get(step.id)
      return { ...step, input: call?.input, mocked: call?.mocked ?? false }
    })
    return {
      status: this.#status,
      output: this.#output,
      error: this.#error,
      durationMs: (this.#toMs ?? nowMs) - (this.#fromMs ?? nowMs),
      steps,
      unmocked: [...unmocked].map(([step, block]) => ({ step, block })),
      problems,
    }
  }
}

interface StepEvent {
  readonly stepId: string
  readonly attempt: number
  readonly atMs: number
}

function errorOf({ code, message, class: errorClass, detail }: ErrorInfo): DryRunError {
  return { code, message, class: errorClass, detail: detail === null ? null : parseJson(detail) }
}
