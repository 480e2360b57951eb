/** What must hold at every moment; looked at after each step of the scheduler, for what is new on the log. */
import { partitionLog } from '../../connectors/log-memory/storage.ts'
import { decodeRecord } from '../../schemas/codec/wire.ts'
import type { BeamlineRecord, EventRecord, RecordOfKind } from '../../schemas/records/index.ts'
import type { Topic } from '../../schemas/topics.ts'
import type { LogRecord, Progress } from '../../topology/log/port.ts'
import { Concurrency } from '../../topology/verify/concurrency.ts'
import { Findings } from '../../topology/verify/findings.ts'
import { Runs } from '../../topology/verify/runs.ts'
import { RateCheck } from './rate-check.ts'
import type { World } from './world.ts'

const EXECUTE = ['execute.cpu', 'execute.io', 'execute.gpu'] as const

export class LiveChecks {
  readonly runs: Runs
  readonly #world: World
  readonly #findings = new Findings(100)
  readonly #concurrency: Concurrency
  readonly #rate: RateCheck
  /** How many records of each partition have been looked at. */
  readonly #seen = new Map<string, number>()
  readonly #finished = new Set<string>()
  readonly #progress = new Map<string, Progress>()
  readonly #covered = new Map<string, Set<number>>()
  /** Tasks that have still to do for an operation, as `operation/partition`. */
  readonly #operations = new Set<string>()
  #open = 0

  constructor(world: World) {
    this.#world = world
    this.#rate = new RateCheck(world)
    this.#concurrency = new Concurrency(this.#findings, world.partitions)
    this.runs = new Runs(this.#findings, world.partitions, this.#concurrency, () => false)
  }

  /** Accepted runs without an end. */
  get openRuns(): number {
    return this.#open
  }

  get openOperations(): number {
    return this.#operations.size
  }

  check(): void {
    for (let partition = 0; partition < this.#world.partitions; partition++) {
      this.#each('control', partition, (record, message) => {
        if (message?.kind === 'TenantChanged') this.#concurrency.policy(message, record.timestampMs)
      })
      this.#each('result', partition, (_record, message) => this.#result(message))
      this.#each('events', partition, (record, message) => {
        if (message?.kind === 'OperationProgressed') this.#operation(partition, message)
        else if (message?.kind !== 'OperationStarted') this.#event(record, message as EventRecord)
      })
    }
    for (let partition = 0; partition < this.#world.partitions; partition++) {
      for (const topic of EXECUTE) {
        this.#each(topic, partition, (record, message) => this.#execute(record, message))
        this.#checkProgress(topic, partition)
      }
    }
    for (const { code, where, message } of this.#findings.kept.splice(0)) {
      this.#world.problems.push(`${code} at ${where}: ${message}`)
    }
  }

  #each(topic: Topic, partition: number, look: (record: LogRecord, message: BeamlineRecord | null) => void): void {
    const key = `${topic}/${partition}`
    const { records } = partitionLog(this.#world.storage, topic, partition)
    let index = this.#seen.get(key) ?? 0
    if (index === records.length) return
    for (; index < records.length; index++) look(records[index]!, read(records[index]!))
    this.#seen.set(key, index)
  }

  #result(message: BeamlineRecord | null): void {
    if (message?.kind !== 'AttemptFinished') return
    const key = `${message.runId}/${message.stepId}/${message.attempt}`
    this.#world.trace(`result ${key} ${message.status} by ${message.workerId}`)
    this.#finished.add(key)
    if (message.status === 'lost') this.#world.faults.struck('attempt_lost')
    if (message.status === 'timeout') this.#world.faults.struck('step_timeout')
  }

  #operation(
    partition: number,
    { operationId, state, done, skipped, failed }: RecordOfKind<'OperationProgressed'>,
  ): void {
    this.#world.trace(`events ${partition} ${operationId} ${state} ${done} ${skipped} ${failed}`)
    if (state === 'running') this.#operations.add(`${operationId}/${partition}`)
    else this.#operations.delete(`${operationId}/${partition}`)
  }

  #execute({ topic, partition, offset }: LogRecord, message: BeamlineRecord | null): void {
    if (message?.kind !== 'ExecuteStep' && message?.kind !== 'CancelStep') return
    const { kind, runId, stepId, attempt } = message
    const carried = kind === 'ExecuteStep' ? message.carried : ''
    this.#world.trace(`${topic} ${partition}:${offset} ${kind} ${runId} ${stepId} ${attempt} ${carried}`)
  }

  #event(record: LogRecord, event: EventRecord): void {
    const { partition, offset } = record
    const { kind, runId, stepId, attempt } = event as {
      kind: string
      runId?: string
      stepId?: string
      attempt?: number
    }
    this.#world.trace(`events ${partition}:${offset} ${kind} ${runId} ${stepId ?? ''} ${attempt ?? ''}`)
    if (event.kind === 'RunAccepted' && !this.runs.byId.has(event.runId)) this.#open += 1
    if (event.kind === 'RunTimedOut') this.#world.faults.struck('run_deadline')
    const ends =
      event.kind === 'RunCompleted' ||
      event.kind === 'RunFailed' ||
      event.kind === 'RunCancelled' ||
      event.kind === 'RunTimedOut'
    if (ends && this.runs.byId.get(event.runId)?.end === null) this.#open -= 1
    this.runs.add(event, { partition, offset })
    this.#rate.add(event, partition)
  }

  /** Whatever a pool's progress covers was reported or cancelled, or lies somewhere else in the partition, too. */
  #checkProgress(topic: (typeof EXECUTE)[number], partition: number): void {
    const key = `${topic}/${partition}`
    const progress = this.#world.storage.progress.get(key)
    if (progress === undefined || progress === this.#progress.get(key)) return
    this.#progress.set(key, progress)
    const covered = this.#covered.get(key) ?? new Set<number>()
    this.#covered.set(key, covered)
    const { records } = partitionLog(this.#world.storage, topic, partition)
    this.#world.trace(`progress of ${key}: ${progress.next} and ${JSON.stringify(progress.beyond)}`)
    for (const record of records) {
      if (covered.has(record.offset) || !covers(progress, record.offset)) continue
      covered.add(record.offset)
      if (this.#isFinished(records, record, progress)) continue
      this.#world.problems.push(`progress of ${key} covers offset ${record.offset}, which is not finished`)
    }
  }

  #isFinished(records: readonly LogRecord[], record: LogRecord, progress: Progress): boolean {
    const step = read(record)
    if (step?.kind !== 'ExecuteStep') return true
    if (this.#finished.has(`${step.runId}/${step.stepId}/${step.attempt}`)) return true
    return records.some((other) => {
      const message = read(other)
      if (message === null || (message.kind !== 'CancelStep' && message.kind !== 'ExecuteStep')) return false
      const same = message.runId === step.runId && message.stepId === step.stepId && message.attempt === step.attempt
      // of a step that was carried forward, one record may be left to run or none
      return same && (message.kind === 'CancelStep' || !covers(progress, other.offset))
    })
  }
}

function covers(progress: Progress, offset: number): boolean {
  return offset < progress.next || progress.beyond.some(([from, to]) => offset >= from && offset < to)
}

const decoded = new WeakMap<LogRecord, BeamlineRecord>()

/** The message of a record, or `null` if it is none. */
export function read(record: LogRecord): BeamlineRecord | null {
  const known = record.message ?? decoded.get(record)
  if (known !== undefined && known !== null) return known
  try {
    const message = decodeRecord(record.value)
    decoded.set(record, message)
    return message
  } catch {
    return null
  }
}
