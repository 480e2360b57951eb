/**
 * One partition of the pool while this executor owns it: reads its records, keeps its attempts apart, reports their ends.
 *
 * Invariants:
 *  A1  an attempt that is known here, running or ended, is not run again for a copy of its record;
 *  A2  an offset counts as finished in a report only together with, or after, the result of its attempt;
 *  A3  one report is outstanding at a time, so progress never overtakes results;
 *  A4  an attempt whose record is not durable begins only if its block is pure.
 */

import { attemptKey } from '../../processors/execute/attempt-key.ts'
import { carriedForward, mustCarry } from '../../processors/execute/carry-forward.ts'
import { ProgressTracker } from '../../processors/execute/progress.ts'
import { RecentKeys } from '../../processors/execute/recent-keys.ts'
import { ChurningMap } from '../../schemas/churning.ts'
import { DecodeError, decodeRecord } from '../../schemas/codec/wire.ts'
import type { CancelStep, ExecuteStep } from '../../schemas/records/execute.ts'
import type { BeamlineRecord } from '../../schemas/records/index.ts'
import type { Pool } from '../../schemas/topics.ts'
import type { Environment } from '../environment.ts'
import { type Log, LogError, type LogRecord, type OutRecord, type PoolPartition, type Position } from '../log/port.ts'
import type { Attempt, AttemptEnd, AttemptOwner } from './attempt.ts'
import type { ExecutorObserver } from './observer.ts'
import type { ExecutorOptions } from './options.ts'
import { carriedRecord, deadLetterRecord, resultRecord } from './records.ts'
import { backoffMs, delay } from './waiting.ts'

export interface PartitionHooks {
  /** Whether the step's block is without effect, so that it may begin before its record is durable. */
  isPure(step: ExecuteStep): boolean
  enqueue(attempt: Attempt): void
  cancel(attempt: Attempt): void
  /** Results became durable, or an attempt ended. */
  wake(): void
  /** Nothing more can be reported. */
  failed(partition: AssignedPartition, error: unknown): void
}

export interface PartitionContext {
  readonly log: Pick<Log, 'append' | 'partitions'>
  readonly environment: Environment
  readonly pool: Pool
  readonly options: ExecutorOptions
  readonly observer: ExecutorObserver
  readonly hooks: PartitionHooks
}

const CARRY_AT_ONCE = 64

export class AssignedPartition implements AttemptOwner {
  readonly #source: PoolPartition
  readonly #context: PartitionContext
  readonly #tracker: ProgressTracker
  readonly #live = new ChurningMap<string, Attempt>()
  /** Not to begin before their records are durable, in the order of these. */
  #held: Attempt[] = []
  readonly #ended: RecentKeys
  readonly #idle: (() => void)[] = []
  #results: OutRecord[] = []
  #unreportedBytes = 0
  #dirty = false
  #reporting = false
  #carrying = false
  #detached = false
  #more = true
  #closed = false

  constructor(source: PoolPartition, context: PartitionContext) {
    this.#source = source
    this.#context = context
    this.#tracker = new ProgressTracker(source.progress)
    this.#ended = new RecentKeys(context.options.rememberedAttempts)
    source.onRecords(() => {
      this.#more = true
      if (!this.#detached) context.hooks.wake()
    })
  }

  get partition(): number {
    return this.#source.partition
  }

  get unreportedBytes(): number {
    return this.#unreportedBytes
  }

  /** Attempts that wait for their records to be durable. */
  get held(): number {
    return this.#held.length
  }

  /** There may be something to read. */
  get more(): boolean {
    return this.#more && !this.#closed
  }

  get closed(): boolean {
    return this.#closed
  }

  isOf(source: PoolPartition): boolean {
    return this.#source === source
  }

  get attempts(): Iterable<Attempt> {
    return this.#live.values()
  }

  read(max: number): void {
    const records = this.#source.poll(max)
    this.#more = records.length >= max
    for (const record of records) {
      if (this.#tracker.read(record.offset)) this.#accept(record)
      else this.#dirty = true
    }
  }

  /** Begins with what has become durable. */
  letGo(): void {
    if (this.#held.length === 0) return
    const { durableTo = Number.POSITIVE_INFINITY } = this.#source
    const first = this.#held.findIndex(({ source }) => source.offset >= durableTo)
    const durable = this.#held.splice(0, first < 0 ? this.#held.length : first)
    for (const attempt of durable) if (attempt.state === 'queued') this.#context.hooks.enqueue(attempt)
  }

  ended(attempt: Attempt, end: AttemptEnd): void {
    if (this.#detached) return
    this.#live.delete(attempt.key)
    if (end.kind !== 'abandoned') {
      if (end.kind === 'report') this.#push(resultRecord(end.result, this.#context.log.partitions))
      this.#ended.add(attempt.key)
      for (const offset of attempt.offsets) this.#finish(offset)
    }
    this.#checkIdle()
  }

  /** Gives an attempt up that has not begun; the next owner of the partition runs it. */
  release(attempt: Attempt): void {
    attempt.state = 'ended'
    this.ended(attempt, { kind: 'abandoned' })
  }

  /** Nothing more is read. */
  close(): void {
    this.#closed = true
  }

  flush(): void {
    if (this.#reporting || !this.#dirty || this.#detached) return
    const results = this.#results
    this.#results = []
    this.#dirty = false
    this.#reporting = true
    void this.#report(results)
  }

  /** Resolves once nothing runs and everything is reported. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve)
      this.#checkIdle()
    })
  }

  /** Nothing is read or reported any more. */
  detach(): void {
    this.#detached = true
    this.#live.clear()
    this.#held = []
    this.#checkIdle()
  }

  #accept(record: LogRecord): void {
    let message: BeamlineRecord
    try {
      message = record.message ?? decodeRecord(record.value)
    } catch (error) {
      const code = error instanceof DecodeError ? error.code : 'RECORD_CORRUPT'
      this.#deadLetter(record, 'record_unreadable', code, (error as Error).message)
      return
    }
    if (message.kind === 'ExecuteStep') this.#execute(record, message)
    else if (message.kind === 'CancelStep') this.#cancel(record.offset, message)
    else {
      const text = `topic ${record.topic} has a record of kind '${message.kind}'; expected ExecuteStep or CancelStep`
      this.#deadLetter(record, 'record_refused', 'RECORD_UNEXPECTED', text)
    }
  }

  #execute(record: LogRecord, step: ExecuteStep): void {
    const key = attemptKey(step)
    const known = this.#live.get(key)
    if (known === undefined && !this.#ended.has(key)) {
      const attempt = newAttempt(this, key, record, step, this.#context.environment.monotonic())
      this.#live.set(key, attempt)
      if (this.#mayBegin(attempt)) this.#context.hooks.enqueue(attempt)
      else this.#held.push(attempt)
      return
    }
    this.#context.observer.duplicate(this.#context.pool, this.partition)
    if (known === undefined) this.#finish(record.offset)
    else if (step.carried > known.step.carried && known.state !== 'aborting') {
      // carried by an append whose outcome was unknown, or that is still to be answered
      this.#moved(known, known.offsets, record.offset, step)
    } else if (!known.offsets.includes(record.offset)) known.offsets.push(record.offset)
  }

  #mayBegin({ source, step }: Attempt): boolean {
    const { durableTo } = this.#source
    return durableTo === undefined || source.offset < durableTo || this.#context.hooks.isPure(step)
  }

  #cancel(offset: number, cancel: CancelStep): void {
    const key = attemptKey(cancel)
    const attempt = this.#live.get(key)
    if (attempt === undefined) {
      this.#ended.add(key)
      this.#finish(offset)
      return
    }
    attempt.offsets.push(offset)
    this.#context.hooks.cancel(attempt)
  }

  #deadLetter(
    record: LogRecord,
    category: 'record_unreadable' | 'record_refused',
    code: string,
    message: string,
  ): void {
    const { environment, observer, pool } = this.#context
    this.#push(deadLetterRecord(record, category, code, message, environment.now()))
    this.#finish(record.offset)
    observer.deadLettered(pool, this.partition, record.offset, code, message)
  }

  #push(record: OutRecord): void {
    this.#results.push(record)
    this.#unreportedBytes += record.value.length
  }

  #finish(offset: number): void {
    this.#tracker.finish(offset)
    this.#dirty = true
  }

  async #report(results: readonly OutRecord[]): Promise<void> {
    const { environment, options, observer, pool, hooks } = this.#context
    const progress = this.#tracker.snapshot()
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#source.report(results, progress)
        break
      } catch (error) {
        if (this.#detached) return
        observer.reportFailed(pool, this.partition, attempt, error)
        if (!mayRepeat(error, attempt, options.retry.attempts)) {
          hooks.failed(this, error)
          return
        }
      }
      await delay(environment, backoffMs(environment, attempt, options.retry.baseMs, options.retry.maxMs))
      if (this.#detached) return
    }
    this.#reporting = false
    for (const record of results) this.#unreportedBytes -= record.value.length
    if (this.#detached) return
    this.#carryIfNeeded(progress.beyond.length)
    this.flush()
    this.#checkIdle()
    hooks.wake()
  }

  #carryIfNeeded(runs: number): void {
    if (this.#carrying || runs === 0) return
    const chosen: Attempt[] = []
    const { options, environment } = this.#context
    const now = environment.monotonic()
    for (const attempt of this.#live.values()) {
      const lowest = Math.min(...attempt.offsets)
      const window = {
        records: this.#tracker.position - lowest,
        ageMs: now - attempt.heldSince,
        runs: runs - chosen.length,
      }
      if (!mustCarry(window, options.carry) || chosen.length === CARRY_AT_ONCE) break
      if (attempt.state !== 'aborting') chosen.push(attempt)
    }
    if (chosen.length > 0) void this.#carry(chosen)
  }

  /** The old records count as finished only once their copies are durable. */
  async #carry(attempts: readonly Attempt[]): Promise<void> {
    const { log, pool, observer } = this.#context
    const old = attempts.map((attempt) => [...attempt.offsets])
    this.#carrying = true
    let copies: readonly Position[]
    try {
      copies = await log.append(attempts.map(carriedRecord))
    } catch {
      // the records stay where they are; the next report tries again
      this.#carrying = false
      return
    }
    this.#carrying = false
    if (this.#detached) return
    for (const [index, attempt] of attempts.entries()) {
      const copy = copies[index]!.offset
      const isLive = this.#live.get(attempt.key) === attempt
      if (!isLive) this.#finish(copy)
      else if (!attempt.offsets.includes(copy)) this.#moved(attempt, old[index]!, copy, carriedForward(attempt.step))
    }
    observer.carriedForward(pool, this.partition, attempts.length)
    this.flush()
  }

  /** A live attempt belongs to the copy of its record from now on. */
  #moved(attempt: Attempt, old: readonly number[], copy: number, step: ExecuteStep): void {
    const rest = attempt.offsets.filter((offset) => !old.includes(offset) && offset !== copy)
    attempt.offsets = [copy, ...rest]
    attempt.step = step
    attempt.heldSince = this.#context.environment.monotonic()
    // to the end of the order in which windows are looked at
    this.#live.delete(attempt.key)
    this.#live.set(attempt.key, attempt)
    for (const offset of old) if (offset !== copy) this.#finish(offset)
  }

  #checkIdle(): void {
    if (!this.#detached && (this.#live.size > 0 || this.#reporting || this.#dirty)) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}

/** A full log takes records again some day, and to give up would only run steps again whose results could not be reported either. */
function mayRepeat(error: unknown, attempt: number, limit: number): boolean {
  if (!(error instanceof LogError)) return false
  if (error.code === 'LOG_FULL') return true
  return attempt <= limit && (error.retriable || error.code === 'OUTCOME_UNKNOWN')
}

function newAttempt(
  owner: AttemptOwner,
  key: string,
  source: LogRecord,
  step: ExecuteStep,
  heldSince: number,
): Attempt {
  return {
    step,
    key,
    owner,
    source,
    heldSince,
    offsets: [source.offset],
    state: 'queued',
    abortCause: null,
    context: null,
    startedAtMs: 0,
    startedAt: 0,
    dueAt: 0,
    heapIndex: -1,
  }
}
