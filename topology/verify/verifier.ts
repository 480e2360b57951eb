/** The checker: takes every record of every topic, then the ledger and the clients' history, then says what is wrong. Pure; keeps no payloads. */
import { decodeIngest } from '../../schemas/codec/ingest-json.ts'
import { decodeRecord } from '../../schemas/codec/wire.ts'
import { DEFAULT_TENANT } from '../../schemas/ids.ts'
import type { BeamlineRecord, RecordKind } from '../../schemas/records/index.ts'
import { TASK_TOPICS } from '../../schemas/topics.ts'
import type { LogRecord, PartitionInfo } from '../log/port.ts'
import { Attempts } from './attempts.ts'
import { ClientChecks } from './client-checks.ts'
import { Concurrency } from './concurrency.ts'
import { Findings } from './findings.ts'
import type { ClientLine, LedgerLine } from './formats.ts'
import { Letters } from './letters.ts'
import { Operations } from './operations.ts'
import type { VerifyReport } from './report.ts'
import { Runs } from './runs.ts'
import { Submissions } from './submissions.ts'

export interface VerifyOptions {
  readonly partitions: number
  /** Everything there was to do has been done: every accepted run must have ended and nothing may be unprocessed. Default false. */
  readonly settled?: boolean
  /** Block types of which every completed step must have left a line in the ledger. Default none. */
  readonly effectBlocks?: readonly string[]
  /** How many violations the report names; all are counted. Default 100. */
  readonly maxViolations?: number
}

const TASK_TOPIC_NAMES: ReadonlySet<string> = new Set(TASK_TOPICS)

export class Verifier {
  readonly #options: VerifyOptions
  readonly #findings: Findings
  readonly #positions = new Map<string, PartitionInfo>()
  readonly #concurrency: Concurrency
  readonly #runs: Runs
  readonly #letters: Letters
  readonly #operations: Operations
  readonly #submissions = new Submissions()
  readonly #attempts: Attempts
  readonly #client: ClientChecks
  readonly #unreadable: string[] = []
  #records = 0
  #unprocessed = 0

  /** `positions`: what the log says of its partitions (`describe`), as of the time the records were read. */
  constructor(positions: readonly PartitionInfo[], options: VerifyOptions) {
    this.#options = options
    this.#findings = new Findings(options.maxViolations ?? 100)
    for (const info of positions) this.#positions.set(`${info.topic}/${info.partition}`, info)
    this.#concurrency = new Concurrency(this.#findings, options.partitions)
    this.#letters = new Letters(this.#findings)
    this.#operations = new Operations(this.#findings)
    const trimmed = (partition: number) => (this.#positions.get(`events/${partition}`)?.firstOffset ?? 0) > 0
    this.#runs = new Runs(this.#findings, options.partitions, this.#concurrency, trimmed)
    this.#attempts = new Attempts(this.#findings)
    this.#client = new ClientChecks(this.#findings)
    this.#checkPositions(positions)
  }

  /** One record. In order within a partition; all of `control` first, so that limits are known. */
  add(record: LogRecord): void {
    this.#records += 1
    const where = `${record.topic} ${record.partition}:${record.offset}`
    const processed = this.#isProcessed(record, where)
    const message = decode(record)
    if (message === null || !belongs(message.kind, record.topic)) {
      if (processed) this.#unreadable.push(`${record.topic}/${record.partition}/${record.offset}`)
      if (record.topic === 'events' || record.topic === 'replies') {
        this.#findings.add('record_unreadable', where, 'it is no record of this topic that this version knows')
      }
      return
    }
    this.#take(record, message, where, processed)
  }

  effect(line: LedgerLine): void {
    this.#attempts.effect(line)
  }

  client(line: ClientLine): void {
    this.#client.add(line)
  }

  finish(): VerifyReport {
    const settled = this.#options.settled ?? false
    const trimmed = [...this.#positions.values()].filter((info) => info.firstOffset > 0)
    for (const { topic, partition, firstOffset } of trimmed) {
      this.#findings.note(`${topic} ${partition}: records below ${firstOffset} were trimmed and are not checked`)
    }
    const whole = (topic: string) => !trimmed.some((info) => info.topic === topic || info.topic.startsWith(`${topic}.`))
    if (whole('events')) this.#submissions.finish(this.#findings, this.#runs, this.#letters, this.#options.partitions)
    for (const source of this.#unreadable) {
      if (this.#letters.sources.has(source) || !whole('dlq')) continue
      this.#findings.add('record_unaccounted', source, 'it cannot be decoded, was passed over, and has no dead letter')
    }
    this.#runs.checkKeys()
    this.#letters.finish(whole('events'))
    this.#attempts.finish(
      this.#runs,
      { execute: whole('execute'), result: whole('result'), events: whole('events') },
      this.#options.effectBlocks ?? [],
    )
    this.#client.finish(this.#runs, settled && whole('events'))
    this.#checkEnds(settled, whole('events'))
    return this.#report()
  }

  #take(record: LogRecord, message: BeamlineRecord, where: string, processed: boolean): void {
    const { partition, offset } = record
    switch (message.kind) {
      case 'TenantChanged':
        this.#concurrency.policy(message, record.timestampMs)
        return
      case 'SubmitRun':
        this.#submissions.add(message, partition, offset, processed)
        return
      case 'Reply':
        this.#submissions.answered.add(`${partition}/${message.correlation}`)
        return
      case 'ExecuteStep':
        this.#attempts.assigned(message, where, processed)
        return
      case 'CancelStep':
        this.#attempts.calledOff(message)
        return
      case 'AttemptFinished':
        this.#attempts.finished(message, where, processed)
        return
      case 'DeadLetter':
        this.#letters.sent(message, where, processed)
        return
      case 'OperationStarted':
        return
      case 'OperationProgressed':
        this.#operations.progressed(message, record.partition, where)
        return
    }
    if (record.topic !== 'events') return
    // every kind left on this topic is an event
    const event = message as Parameters<Runs['add']>[0]
    this.#runs.add(event, { partition, offset })
    this.#letters.event(event)
  }

  #isProcessed(record: LogRecord, where: string): boolean {
    if (record.handled) return true
    const committed = this.#positions.get(`${record.topic}/${record.partition}`)?.committedOffset ?? 0
    if (record.offset < committed) return true
    // executors finish out of order, so that what lies beyond their position says nothing
    if (!TASK_TOPIC_NAMES.has(record.topic)) return false
    this.#unprocessed += 1
    if (this.#options.settled)
      this.#findings.add('unprocessed_record', where, `its task has committed only up to ${committed}`)
    return false
  }

  #checkPositions(positions: readonly PartitionInfo[]): void {
    for (const { topic, partition, committedOffset, nextOffset } of positions) {
      if (committedOffset === null || committedOffset <= nextOffset) continue
      const message = `position ${committedOffset} is beyond the end, ${nextOffset}`
      this.#findings.add('position_beyond_end', `${topic} ${partition}`, message)
    }
  }

  #checkEnds(settled: boolean, eventsAreWhole: boolean): void {
    const open = [...this.#runs.byId.values()].filter((run) => run.accepted && run.end === null)
    if (!settled) {
      if (open.length > 0) this.#findings.note(`${open.length} runs were still going on; that they end is not checked`)
      return
    }
    if (eventsAreWhole) this.#operations.finish()
    for (const { runId } of open) this.#findings.add('run_lost', `run ${runId}`, 'it was accepted and has no end')
    for (const [runId, letterId] of this.#letters.newRuns) {
      if (this.#runs.byId.has(runId) || !eventsAreWhole) continue
      this.#findings.add(
        'replay_without_run',
        `letter ${letterId}`,
        `its replay announced run ${runId}, which never began`,
      )
    }
    if (open.length === 0 && eventsAreWhole) this.#concurrency.expectNothing()
  }

  #report(): VerifyReport {
    const findings = this.#findings
    const runs = [...this.#runs.byId.values()]
    const count = (end: string) => runs.filter((run) => run.end === end).length
    const { stored, replayed, discarded } = this.#letters
    return {
      ok: findings.counts.size === 0,
      complete: findings.notes.size === 0,
      notes: [...findings.notes],
      records: this.#records,
      runs: runs.length,
      accepted: runs.filter((run) => run.accepted).length,
      rejected: count('rejected'),
      ended: {
        completed: count('completed'),
        failed: count('failed'),
        cancelled: count('cancelled'),
        timed_out: count('timed_out'),
      },
      open: runs.filter((run) => run.accepted && run.end === null).length,
      lost: findings.count('run_lost', 'acknowledged_run_missing'),
      doubled: findings.count(
        'run_accepted_twice',
        'run_ended_twice',
        'attempt_applied_twice',
        'idempotency_key_gave_two_runs',
        'letter_replayed_twice',
        'operation_item_twice',
      ),
      illegalTransitions: findings.count('illegal_step_transition', 'attempt_out_of_order', 'event_after_end'),
      attempts: this.#runs.startedAttempts.size,
      letters: { stored, replayed, discarded },
      unprocessed: this.#unprocessed,
      effects: this.#attempts.effects(),
      client: this.#client.counts(),
      violationCounts: Object.fromEntries(findings.counts),
      violations: findings.kept,
    }
  }
}

/** Topics of the kinds that are no events. */
const TOPIC_OF: { readonly [K in RecordKind]?: string } = {
  SubmitRun: 'ingest',
  StepReady: 'route',
  SlotReleased: 'route',
  DescribeRoute: 'route',
  WorkerChanged: 'route',
  WorkerDevice: 'route',
  ExecuteStep: 'execute',
  CancelStep: 'execute',
  AttemptFinished: 'result',
  CancelRun: 'result',
  DeadLetter: 'dlq',
  PlanReplay: 'dlq',
  ReplayDeadLetters: 'dlq',
  DiscardDeadLetters: 'dlq',
  AddOperationItems: 'dlq',
  StartOperation: 'dlq',
  StopOperation: 'dlq',
  FlowPublished: 'control',
  TenantChanged: 'control',
  SchemaChanged: 'control',
  PublishFlow: 'control',
  ChangeTenant: 'control',
  FlowDeprecated: 'control',
  DeprecateFlow: 'control',
  Reply: 'replies',
}

function belongs(kind: RecordKind, topic: string): boolean {
  const expected = TOPIC_OF[kind] ?? 'events'
  // a cancel follows the submission of its run
  if (kind === 'CancelRun' && topic === 'ingest') return true
  return topic === expected || topic.startsWith(`${expected}.`)
}

function decode(record: LogRecord): BeamlineRecord | null {
  try {
    if (record.topic !== 'ingest') return decodeRecord(record.value)
    return decodeIngest(record.value, {
      headers: record.headers,
      defaultTenant: DEFAULT_TENANT,
      nowMs: 0, // as the ingest processor reads it, so that a forwarded copy equals its original
    })
  } catch {
    return null
  }
}
