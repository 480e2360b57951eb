/**
 * One task: the exclusive owner of one partition of every task topic and of the state behind it. It polls, decides a batch, commits it, and
 * decides the next one while that commit is in flight.
 *
 * T1  Everything a batch did (records, state, read positions) is one commit of the log.
 * T2  After any failed commit the task discards its log handle and its state and starts again from the log. There is no other way back.
 * T3  A bounded number of commits is outstanding; the log takes them in order.
 */

import type { TaskTopic } from '../../schemas/topics.ts'
import type { Payloads } from '../blobs/payloads.ts'
import type { Environment } from '../environment.ts'
import { type CommitResult, type Log, LogError, type TaskLog } from '../log/port.ts'
import type { Topology } from '../topology.ts'
import { Batch, type BatchLimits, type Cut } from './batch.ts'
import type { Intake } from './intake.ts'
import type { TaskObserver, TaskPhase } from './observer.ts'
import { restoreState } from './restore.ts'
import type { SnapshotStore } from './snapshot.ts'
import { TaskState } from './state.ts'
import type { Turns } from './turns.ts'
import { WakeUp } from './wake-up.ts'

const DEFAULT_OUTSTANDING = 2
const REOPEN_FIRST_MS = 50
const REOPEN_MAX_MS = 5_000
/** How long a task that ends may write out references. Whoever waits for it has a grace of its own. */
const LEAVE_MS = 5_000

export interface TaskOptions extends Partial<BatchLimits> {
  readonly snapshots?: SnapshotStore
  /** Shared by the tasks of a process. Default: submissions are decided as fast as they come. */
  readonly intake?: Intake
  /** Shared by the tasks of a process. Default: whenever the event loop comes to it. */
  readonly turns?: Turns
  /** Where large payloads lie. Default: nowhere, they stay in records. */
  readonly payloads?: Payloads
}

export interface TaskConfig {
  readonly taskId: number
  readonly log: Log
  readonly environment: Environment
  readonly topology: Topology
  readonly observer: TaskObserver
  readonly options?: TaskOptions
  /** The task has stopped for good: another owner has it, or its state cannot be read. */
  readonly onStopped?: (error: Error) => void
}

export class Task {
  readonly taskId: number
  readonly #config: TaskConfig
  readonly #wakeUp: WakeUp
  #phase: TaskPhase = 'opening'
  /** Raised whenever the log handle and the state are discarded; what belongs to an earlier one is ignored. */
  #generation = 0
  #log: TaskLog | null = null
  #batch: Batch | null = null
  #outstanding = 0
  /** Payloads that the last commit waits for. */
  #storing: Promise<void> | null = null
  #changelogPosition = 0
  /** Until then nothing is decided, so that more gathers for the next commit. */
  #restsUntil = Number.NEGATIVE_INFINITY
  #idle: (() => void) | null = null
  #drained: Promise<void> | null = null
  #reopenMs = REOPEN_FIRST_MS
  /** Since a decision left a row that cannot be encoded: decisions are checked one by one. */
  #careful = false

  constructor(config: TaskConfig) {
    this.#config = config
    this.taskId = config.taskId
    const { environment, options } = config
    this.#wakeUp = new WakeUp(environment, options?.turns ?? environment, () => this.#step())
  }

  get phase(): TaskPhase {
    return this.#phase
  }

  /** For auditors and tests; `null` while the task has none. */
  get state(): TaskState | null {
    return this.#batch?.state ?? null
  }

  /** Everything before this offset is in `state`; 0 while there is none. */
  nextOffset(topic: TaskTopic): number {
    return this.#batch?.nextOffset(topic) ?? 0
  }

  /** Takes the partition over, restores its state and begins to decide. Failures that may pass are retried. */
  start(): void {
    void this.#open(this.#generation)
  }

  /** Ends orderly: nothing new is decided, what is in flight is committed, a snapshot is written. May be called again. */
  drain(): Promise<void> {
    this.#drained ??= this.#drain()
    return this.#drained
  }

  async #drain(): Promise<void> {
    if (this.#phase === 'stopped') return
    const running = this.#phase === 'running'
    this.#setPhase('draining')
    if (this.#outstanding > 0) await new Promise<void>((resolve) => (this.#idle = resolve))
    if (running && this.#batch !== null) await this.#leave(this.#batch)
    const log = this.#log
    this.kill()
    await log?.close()
  }

  /** What is written out needs no record of `ingest` any more, however long nobody runs the task. */
  async #leave(batch: Batch): Promise<void> {
    const { environment } = this.#config
    const generation = this.#generation
    const until = environment.monotonic() + LEAVE_MS
    while (batch.state.references.size > 0 && environment.monotonic() < until) {
      const cut = batch.writeOut()
      if (cut === null) break
      const result = await this.#committed(cut, generation).catch(() => null)
      if (result === null || generation !== this.#generation) return
      this.#changelogPosition = result.changelogPosition
    }
    await this.#saveSnapshot(batch.state)
  }

  /** Stops at once and leaves everything as a crash would. */
  kill(): void {
    this.#generation++
    this.#wakeUp.stop()
    this.#log = null
    this.#batch = null
    this.#setPhase('stopped')
    this.#idle?.()
  }

  async #open(generation: number): Promise<void> {
    const { log, environment, topology, observer, options } = this.#config
    let taskLog: TaskLog | null = null
    try {
      this.#setPhase('opening')
      taskLog = await log.openTask(this.taskId)
      if (generation !== this.#generation) return void taskLog.close().catch(() => undefined)
      this.#log = taskLog
      this.#setPhase('restoring')
      const state = new TaskState(topology.processors, this.taskId, log.partitions)
      await restoreState(state, log, taskLog, options?.snapshots ?? null, environment, observer)
      if (generation !== this.#generation) return
      this.#changelogPosition = taskLog.start.changelogPosition
      this.#batch = new Batch(
        this.#config,
        state,
        taskLog,
        {
          wake: () => this.#wakeUp.soon(),
          wakeIn: (ms) => this.#wakeUp.at(ms),
          failed: (error) => generation === this.#generation && this.#failed(error),
        },
        this.#careful,
      )
      this.#outstanding = 0
      taskLog.onRecords(() => this.#wakeUp.soon())
      this.#setPhase('running')
      this.#wakeUp.soon()
    } catch (error) {
      if (generation === this.#generation) this.#failed(error as Error)
    }
  }

  #step(): void {
    const batch = this.#batch
    if (batch === null || this.#phase !== 'running') return
    if (this.#outstanding >= (this.#log?.maxOutstanding ?? DEFAULT_OUTSTANDING)) return
    const restMs = this.#restsUntil - this.#config.environment.monotonic()
    if (restMs > 0) {
      this.#wakeUp.at(restMs)
      return
    }
    try {
      const more = batch.decide()
      this.#commit(batch)
      if (more) this.#wakeUp.soon()
      this.#wakeUp.at(batch.nextDueInMs())
    } catch (error) {
      this.#failed(error as Error)
    }
  }

  #commit(batch: Batch): void {
    const cut = batch.cut()
    if (cut === null) return
    const generation = this.#generation
    const startedAt = this.#config.environment.monotonic()
    this.#outstanding++
    this.#committed(cut, generation).then(
      (result) => {
        if (generation !== this.#generation) return
        this.#outstanding--
        this.#reopenMs = REOPEN_FIRST_MS
        this.#changelogPosition = result.changelogPosition
        const now = this.#config.environment.monotonic()
        if (result.restMs !== undefined) this.#restsUntil = now + result.restMs
        const commitMs = now - startedAt
        this.#config.observer.committed({ ...cut.stats, commitMs })
        for (const [name, by] of cut.counts) this.#config.observer.counted(this.taskId, name, by)
        for (const end of cut.traced) this.#config.observer.traced?.(end)
        if (this.#outstanding === 0) this.#idle?.()
        this.#wakeUp.soon()
      },
      (error: Error) => {
        if (generation === this.#generation) this.#failed(error)
      },
    )
  }

  /** Commits take effect in the order of the calls, so one that waits for its payloads to be stored holds up those behind it. */
  #committed({ request, unstored }: Cut, generation: number): Promise<CommitResult> {
    if (unstored.length === 0 && this.#storing === null) return this.#log!.commit(request)
    const before = this.#storing ?? Promise.resolve()
    const stored = Promise.all([before, ...unstored.map((store) => store())]).then(() => undefined)
    this.#storing = stored
    return stored.then(() => {
      if (this.#storing === stored) this.#storing = null
      if (generation !== this.#generation) throw new Error('the task has been opened again')
      return this.#log!.commit(request)
    })
  }

  #failed(error: Error): void {
    const { observer, onStopped, environment } = this.#config
    const log = this.#log
    const draining = this.#phase === 'draining'
    this.#generation++
    this.#log = null
    this.#batch = null
    this.#outstanding = 0
    this.#storing = null
    if ((error as { code?: unknown }).code === 'ROW_UNENCODABLE') this.#careful = true
    observer.reopening(this.taskId, error)
    const closed = log === null ? Promise.resolve() : log.close().catch(() => undefined)
    if (draining || isFinal(error)) {
      this.kill()
      if (!draining) onStopped?.(error)
      return
    }
    this.#setPhase('opening')
    const generation = this.#generation
    const waitMs = this.#reopenMs
    this.#reopenMs = Math.min(waitMs * 2, REOPEN_MAX_MS)
    void closed.then(() =>
      environment.after(waitMs, () => {
        if (generation === this.#generation) void this.#open(generation)
      }),
    )
  }

  async #saveSnapshot(state: TaskState): Promise<void> {
    const snapshots = this.#config.options?.snapshots
    // it would hide from whoever restores it which rows the log has as references only
    if (snapshots === undefined || state.references.size > 0) return
    const snapshot = { position: this.#changelogPosition, entries: state.entries() }
    try {
      await snapshots.save(this.taskId, this.#config.log.id, snapshot)
    } catch (error) {
      // It only makes the next start faster
      this.#config.observer.snapshotFailed?.(this.taskId, error as Error)
    }
  }

  #setPhase(phase: TaskPhase): void {
    if (this.#phase === phase) return
    this.#phase = phase
    this.#config.observer.phase(this.taskId, phase)
  }
}

/** Failures that trying again cannot mend. */
function isFinal(error: Error): boolean {
  const code = (error as { code?: unknown }).code
  if (error instanceof LogError) return code === 'FENCED' || code === 'LOG_CLOSED' || code === 'OFFSET_OUT_OF_RANGE'
  return code === 'CHANGELOG_NEWER' || code === 'CHANGELOG_CORRUPT'
}
