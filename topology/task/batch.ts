/** Fills a batch of decisions, topic by topic, and cuts it into a commit. */
import type { TracedEnd } from '../../processors/traced.ts'
import type { CounterName } from '../../processors/turn.ts'
import type { TaskTopic } from '../../schemas/topics.ts'
import type { CommitRequest, TaskLog } from '../log/port.ts'
import { Decider } from './decider.ts'
import { fetchPayloads } from './fetch-payloads.ts'
import { Inbox } from './inbox.ts'
import type { CommitStats } from './observer.ts'
import { TASK_META, type TaskState } from './state.ts'
import type { TaskConfig } from './task.ts'
import { TaskClock } from './task-clock.ts'
import { type StorePayload, TaskTurn } from './task-turn.ts'

/** Rows that may be large, in one commit beside what it has to do. */
const WRITE_OUT_AT_ONCE = 16
/** In a commit of their own: some 32 MB of inputs as large as records carry. */
const WRITE_OUT_AT_END = 512

export interface BatchLimits {
  /** Outside records and due rows decided in one commit. Default 1,000. */
  readonly maxRecords: number
  /** Records that may be handled within the commit that emits them; 0: none (unfused). Default 10,000. */
  readonly fuseBudget: number
  /** Time after which a batch is cut, milliseconds. Default 8. */
  readonly sliceMs: number
}

export interface Cut {
  readonly request: CommitRequest
  readonly stats: Omit<CommitStats, 'commitMs'>
  readonly counts: readonly (readonly [CounterName, number])[]
  /** What has ended, where it is traced. */
  readonly traced: readonly TracedEnd[]
  /** What must be stored before the commit refers to it. */
  readonly unstored: readonly StorePayload[]
}

export interface BatchListener {
  /** Something can be decided again. */
  wake(): void
  /** Something can be decided in `ms` milliseconds. */
  wakeIn(ms: number): void
  /** The log failed while a decision waited for it. */
  failed(error: Error): void
}

export class Batch {
  readonly state: TaskState
  readonly #config: TaskConfig
  readonly #log: TaskLog
  readonly #limits: BatchLimits
  readonly #inboxes: readonly Inbox[]
  readonly #turn: TaskTurn
  readonly #decider: Decider
  readonly #clock: TaskClock
  readonly #listener: BatchListener
  readonly #cutOffsets = new Map<TaskTopic, number>()
  /** Set while a record waits for `control` to be read to its end, or for payloads to be fetched. */
  #waits = false
  /** The record that may now be decided for good: control was read to its end for it. */
  #controlCurrentFor: { readonly topic: TaskTopic; readonly offset: number } | null = null
  #decided = 0
  /** Rows to be written anew though nothing was decided about them. */
  #writtenOut = 0
  #decideMs = 0
  #lagMs = 0

  /** `careful`: see {@link Decider.careful}. */
  constructor(config: TaskConfig, state: TaskState, log: TaskLog, listener: BatchListener, careful: boolean) {
    const { environment, topology, observer, taskId, options } = config
    this.state = state
    this.#config = config
    this.#log = log
    this.#listener = listener
    this.#limits = {
      maxRecords: options?.maxRecords ?? 1_000,
      fuseBudget: options?.fuseBudget ?? 10_000,
      sliceMs: options?.sliceMs ?? 8,
    }
    this.#inboxes = topology.processors.map((processor) => new Inbox(processor.topic, log))
    const { partitions, maxRecordBytes } = config.log
    this.#turn = new TaskTurn(
      state,
      taskId,
      partitions,
      maxRecordBytes,
      observer.traced !== undefined,
      options?.payloads,
    )
    this.#decider = new Decider(topology.processors, state, this.#turn, (topic, offset, failure) => {
      observer.deadLettered(taskId, topic, offset, failure.code, failure.message, failure.about)
    })
    this.#decider.careful = careful
    state.references.wanted = log.refers === true
    this.#clock = new TaskClock(environment, state.store(TASK_META).rows.get('clock')?.nowMs ?? 0)
    for (const [topic, offset] of log.start.committed) this.#cutOffsets.set(topic, offset)
  }

  /** Decides what there is, up to the limits. True when there may be more. */
  decide(): boolean {
    if (this.#waits) return false
    const { environment } = this.#config
    const startedAt = environment.monotonic()
    const until = startedAt + this.#limits.sliceMs
    this.#turn.now = this.#clock.now()
    this.#turn.fuseBudget = this.#limits.fuseBudget
    let more = false
    for (const inbox of this.#inboxes) {
      more = (inbox.topic === 'ingest' ? this.#takeIn(inbox, until) : this.#decideTopic(inbox, until)) || more
      // what has arrived goes before a deadline that has passed
      if (inbox.topic === 'result' && !this.#waits) more = this.#decideDue(until) || more
      if (this.#waits) break
    }
    this.#writtenOut += this.state.writeOut(startedAt, WRITE_OUT_AT_ONCE)
    this.#decideMs += environment.monotonic() - startedAt
    return more && !this.#waits
  }

  /** Rows that are references, in full, as many as one commit should carry, for whoever ends; `null` if there are none. */
  writeOut(): Cut | null {
    // nothing may have been decided before
    this.#turn.now = this.#clock.now()
    this.#writtenOut += this.state.writeOut(Number.POSITIVE_INFINITY, WRITE_OUT_AT_END)
    return this.cut()
  }

  /** What was decided since the last cut, as one commit; `null` if nothing was. */
  cut(): Cut | null {
    const turn = this.#turn
    if (this.#decided === 0 && this.#writtenOut === 0) return null
    this.state.set(this.state.store(TASK_META), 'clock', { nowMs: turn.now })
    this.state.keep()
    const changelog = this.state.cut(this.#config.environment.monotonic())
    const appends = turn.outbox
    const stats = {
      taskId: this.#config.taskId,
      records: this.#decided,
      emitted: appends.length,
      fused: appends.reduce((fused, record) => (record.handled ? fused + 1 : fused), 0),
      writes: changelog.length,
      decideMs: this.#decideMs,
      lagMs: this.#lagMs,
    }
    const counts = [...turn.counts]
    const { unstored } = turn
    if (unstored.length > 0) turn.unstored = []
    const { traced } = turn
    if (traced.length > 0) turn.traced = []
    turn.outbox = []
    turn.counts.clear()
    this.#decided = 0
    this.#writtenOut = 0
    this.#decideMs = 0
    this.#lagMs = 0
    return { request: { appends, changelog, offsets: this.#changedOffsets() }, stats, counts, traced, unstored }
  }

  /** Offset of the first record of the topic that is not decided, handled ones passed over. */
  nextOffset(topic: TaskTopic): number {
    const inbox = this.#inboxes.find((known) => known.topic === topic)
    inbox?.peek()
    return inbox?.nextOffset() ?? 0
  }

  /** Milliseconds until the next row is due, or to be written out; `null` if none is. */
  nextDueInMs(): number | null {
    const first = this.state.due.first()
    const dueInMs = first === undefined ? null : Math.max(0, first.dueAt - this.#clock.now())
    const oldInMs = this.state.references.oldInMs(this.#config.environment.monotonic())
    return dueInMs === null || oldInMs === null ? (dueInMs ?? oldInMs) : Math.min(dueInMs, oldInMs)
  }

  /** New work: only as much as the task may hold, and no longer than intake allows. */
  #takeIn(inbox: Inbox, until: number): boolean {
    const { environment, topology, options } = this.#config
    if (!topology.admits(this.state)) return false
    const intake = options?.intake
    if (intake === undefined) return this.#decideTopic(inbox, until)
    const allowance = intake.allowanceMs()
    if (allowance <= 0) {
      if (inbox.peek() !== undefined) this.#listener.wakeIn(intake.retryMs)
      return false
    }
    const startedAt = environment.monotonic()
    const more = this.#decideTopic(inbox, Math.min(until, startedAt + allowance))
    intake.spent(environment.monotonic() - startedAt)
    return more
  }

  #decideTopic(inbox: Inbox, until: number): boolean {
    const { environment, topology } = this.#config
    for (;;) {
      const record = inbox.peek()
      if (record === undefined) return false
      if (this.#isFull() || environment.monotonic() >= until) return true
      if (inbox.topic === 'ingest' && !topology.admits(this.state)) return false
      const current = this.#controlCurrentFor
      const controlIsCurrent = current !== null && current.topic === inbox.topic && current.offset === record.offset
      const decided = this.#decider.decide(inbox.topic, record, controlIsCurrent)
      if (decided !== 'decided') {
        if (decided === 'control_behind') this.#waitForControl(inbox.topic, record.offset)
        else this.#waitForPayloads()
        return true
      }
      this.#forgetPayloads()
      inbox.take()
      this.#lagMs = Math.max(this.#lagMs, this.#turn.now - record.timestampMs)
      this.#decided++
    }
  }

  #decideDue(until: number): boolean {
    const { environment } = this.#config
    for (;;) {
      const entry = this.state.due.first()
      if (entry === undefined || entry.dueAt > this.#turn.now) return false
      if (this.#isFull() || environment.monotonic() >= until) return true
      if (this.#decider.decideDue(entry, this.#cutOffsets.get('result') ?? 0) !== 'decided') {
        this.#waitForPayloads()
        return true
      }
      this.#forgetPayloads()
      this.#decided++
    }
  }

  #isFull(): boolean {
    return this.#decided >= this.#limits.maxRecords || (this.#turn.fuseBudget <= 0 && this.#limits.fuseBudget > 0)
  }

  /** They are kept for the decision that waits for them, however many they are. */
  #waitForPayloads(): void {
    this.#waits = true
    const { environment, options } = this.#config
    const { wanted, fetched } = this.#turn
    void fetchPayloads(options!.payloads!, environment, new Map(wanted), fetched).then(() => {
      this.#waits = false
      this.#listener.wake()
    })
  }

  #forgetPayloads(): void {
    if (this.#turn.fetched.size > 0) this.#turn.fetched.clear()
  }

  #waitForControl(topic: TaskTopic, offset: number): void {
    this.#waits = true
    this.#log.caughtUp('control').then(() => {
      this.#waits = false
      this.#controlCurrentFor = { topic, offset }
      this.#listener.wake()
    }, this.#listener.failed)
  }

  #changedOffsets(): Map<TaskTopic, number> {
    const changed = new Map<TaskTopic, number>()
    for (const inbox of this.#inboxes) {
      const next = inbox.nextOffset()
      if (this.#cutOffsets.get(inbox.topic) === next) continue
      this.#cutOffsets.set(inbox.topic, next)
      changed.set(inbox.topic, next)
    }
    return changed
  }
}
