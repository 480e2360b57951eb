/** Folds the events of runs and steps, in order per partition, and checks them as they come. */
import { homeOf, isRunId, type RunId } from '../../schemas/ids.ts'
import type { EventRecord } from '../../schemas/records/index.ts'
import type { Concurrency } from './concurrency.ts'
import type { Findings } from './findings.ts'
import { applyStepEvent, endsAttempt, NEW_STEP, type StepEvent, type StepHistory } from './steps.ts'

export type RunEnd = 'completed' | 'failed' | 'cancelled' | 'timed_out' | 'rejected'

export interface RunHistory {
  readonly runId: RunId
  readonly tenant: string
  accepted: boolean
  end: RunEnd | null
  readonly steps: Map<string, StepHistory>
}

/** Where an event lies. */
export interface At {
  readonly partition: number
  readonly offset: number
}

const ENDS = {
  RunCompleted: 'completed',
  RunFailed: 'failed',
  RunCancelled: 'cancelled',
  RunTimedOut: 'timed_out',
  RunRejected: 'rejected',
} as const satisfies { readonly [kind: string]: RunEnd }

export class Runs {
  readonly byId = new Map<string, RunHistory>()
  /** Runs by `tenant/idempotency key`. */
  readonly byKey = new Map<string, Set<RunId>>()
  /** Runs by `letter/replay id`. */
  readonly byReplay = new Map<string, Set<RunId>>()
  /** `partition/topic/offset` of records that a run or a refusal came from. */
  readonly causes = new Set<string>()
  /** Keys `run/step/attempt` by what an event said of them. */
  readonly startedAttempts = new Set<string>()
  readonly completedAttempts = new Map<string, { readonly byWorker: boolean; readonly tenant: string }>()
  /** When each run ended. */
  readonly endedAtMs = new Map<string, number>()
  readonly acceptedAtMs = new Map<string, number>()
  readonly #findings: Findings
  readonly #partitions: number
  readonly #concurrency: Concurrency
  readonly #trimmed: (partition: number) => boolean

  constructor(
    findings: Findings,
    partitions: number,
    concurrency: Concurrency,
    trimmed: (partition: number) => boolean,
  ) {
    this.#findings = findings
    this.#partitions = partitions
    this.#concurrency = concurrency
    this.#trimmed = trimmed
  }

  add(event: EventRecord, at: At): void {
    switch (event.kind) {
      case 'LetterStored':
      case 'LetterReplayed':
      case 'LetterDiscarded':
        return
      case 'RunAccepted':
        this.#accepted(event, at)
        return
      case 'RunCompleted':
      case 'RunFailed':
      case 'RunCancelled':
      case 'RunTimedOut':
      case 'RunRejected':
        this.#ended(event, at)
        return
      default:
        this.#step(event, at)
        return
    }
  }

  #accepted(event: Extract<EventRecord, { kind: 'RunAccepted' }>, at: At): void {
    const { runId, tenant } = event
    const known = this.byId.get(runId)
    if (known !== undefined) {
      this.#findings.add(
        'run_accepted_twice',
        where(runId, at),
        known.end === null ? 'while it goes on' : 'after its end',
      )
      return
    }
    this.byId.set(runId, { runId, tenant, accepted: true, end: null, steps: new Map() })
    this.acceptedAtMs.set(runId, event.atMs)
    this.causes.add(`${at.partition}/${event.causeTopic}/${event.causeOffset}`)
    if (isRunId(runId) && homeOf(runId, this.#partitions) !== at.partition) {
      const home = homeOf(runId, this.#partitions)
      this.#findings.add('run_away_from_home', where(runId, at), `its home is partition ${home}`)
    }
    if (event.idempotencyKey !== null) addTo(this.byKey, `${tenant}/${event.idempotencyKey}`, event.runId)
    // a run may be run again as often as somebody asks for it; once by each operation
    const replayed = event.letterId ?? (event.replayId === 'rerun' ? null : event.replayOf)
    if (event.replayId !== null && replayed !== null) {
      const runs = addTo(this.byReplay, `${replayed}/${event.replayId}`, runId)
      if (runs > 1) {
        const what = event.letterId === null ? 'run' : 'letter'
        const message = `${what} ${replayed} became ${runs} runs under replay id ${event.replayId}`
        this.#findings.add('letter_replayed_twice', where(runId, at), message)
      }
    }
    // the rest of a run that was replayed is not run again
    for (const stepId of event.takenOver) stepOf(this.byId.get(runId)!, stepId).phase = 'ended'
  }

  /** A key names one run until it is forgotten, a while after that run's end. */
  checkKeys(): void {
    const acceptedAt = (runId: string) => this.acceptedAtMs.get(runId)!
    for (const [key, runs] of this.byKey) {
      const inOrder = [...runs].sort((a, b) => acceptedAt(a) - acceptedAt(b))
      for (const [index, runId] of inOrder.entries()) {
        const next = inOrder[index + 1]
        const forgottenAtMs = (this.endedAtMs.get(runId) ?? Number.POSITIVE_INFINITY) + KEY_TTL_MS
        if (next === undefined || acceptedAt(next) >= forgottenAtMs) continue
        this.#findings.add('idempotency_key_gave_two_runs', key, `runs ${runId} and ${next}`)
      }
    }
  }

  #ended(event: Extract<EventRecord, { kind: keyof typeof ENDS }>, at: At): void {
    const end = ENDS[event.kind]
    if (end === 'rejected') this.causes.add(`${at.partition}/${event.causeTopic}/${event.causeOffset}`)
    let run = this.byId.get(event.runId)
    if (run === undefined) {
      if (end !== 'rejected' && !this.#trimmed(at.partition)) {
        this.#findings.add(
          'event_without_run',
          where(event.runId, at),
          `${event.kind} of a run that was never accepted`,
        )
      }
      run = { runId: event.runId, tenant: event.tenant, accepted: false, end: null, steps: new Map() }
      this.byId.set(event.runId, run)
    }
    // the same refused submission, appended twice, is refused twice
    if (run.end === 'rejected' && end === 'rejected') return
    if (run.end !== null) {
      this.#findings.add('run_ended_twice', where(event.runId, at), `${event.kind} after it had ended as ${run.end}`)
      return
    }
    run.end = end
    this.endedAtMs.set(run.runId, event.atMs)
    for (const [stepId, step] of run.steps) {
      if (step.phase === 'pending' || step.phase === 'ended') continue
      const message = `step ${stepId} is ${step.phase} when the run ends as ${end}`
      this.#findings.add('step_open_after_end', where(event.runId, at), message)
    }
    // what is left of a run is its ending only
    run.steps.clear()
  }

  #step(event: StepEvent, at: At): void {
    const run = this.byId.get(event.runId)
    const known = !this.#trimmed(at.partition)
    if (run === undefined) {
      if (known)
        this.#findings.add(
          'event_without_run',
          where(event.runId, at),
          `${event.kind} of a run that was never accepted`,
        )
      return
    }
    if (run.end !== null) {
      this.#findings.add('event_after_end', where(event.runId, at), `${event.kind} of ${event.stepId} after ${run.end}`)
      return
    }
    const step = stepOf(run, event.stepId)
    const wasRunning = step.phase === 'running'
    const problem = applyStepEvent(step, event, known || run.accepted)
    if (problem !== null) {
      this.#findings.add(problem.code, `${where(event.runId, at)} step ${event.stepId}`, problem.message)
    }
    const isRunning = step.phase === 'running'
    if (isRunning !== wasRunning)
      this.#concurrency.change(run.tenant, at.partition, isRunning ? 1 : -1, event.atMs, where(event.runId, at))
    const key = `${event.runId}/${event.stepId}/${event.attempt}`
    if (event.kind === 'StepStarted') this.startedAttempts.add(key)
    if (event.kind === 'StepCompleted' && endsAttempt(event) && event.workerId !== null) {
      this.completedAttempts.set(key, { byWorker: true, tenant: run.tenant })
    }
  }
}

/** How long an idempotency key is remembered after its run's end. */
export const KEY_TTL_MS = 24 * 3_600_000

function stepOf(run: RunHistory, stepId: string): StepHistory {
  let step = run.steps.get(stepId)
  if (step === undefined) {
    step = { ...NEW_STEP }
    run.steps.set(stepId, step)
  }
  return step
}

function where(runId: string, at: At): string {
  return `run ${runId}, events ${at.partition}:${at.offset}`
}

function addTo<T>(sets: Map<string, Set<T>>, key: string, value: T): number {
  const set = sets.get(key) ?? new Set()
  set.add(value)
  sets.set(key, set)
  return set.size
}
