/** Writes a folded batch: one row per run, step and letter that changed, the counts, and the positions, in the caller's transaction. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { EpochMs, RunId } from '../../../schemas/ids.ts'
import type { BatchChange, RunChange, RunEnd } from '../fold.ts'
import { metadataFields } from '../metadata.ts'
import {
  CountChanges,
  KEPT_STEP_COLUMNS,
  LATEST_STEP_COLUMNS,
  newRunValues,
  type OpenRun,
  openRunOf,
  payloadsUpTo,
  RUN_COLUMNS,
  runKey,
  STEP_COLUMNS,
  stepValues,
  type Value,
  WAIT_COLUMNS,
} from '../rows.ts'
import { type SparseInsert, sparseInsert } from './statements.ts'
import { createLetterWriter, type LetterWriter } from './write-letters.ts'
import { createOperationWriter } from './write-operations.ts'

export interface Writer {
  /** Returns the runs that ended. */
  apply(batch: BatchChange): RunId[]
  setPosition(partition: number, nextOffset: number, latestMs: EpochMs): void
  /** Forgets what it remembers of open runs, after a rollback. */
  reset(): void
}

/** A run's row takes one page with an input of at most about this length. */
const LARGE_INPUT_LENGTH = 3_000
const INPUT_COLUMN = RUN_COLUMNS.indexOf('input')

/** Runs that have not ended, so that a step's event need not look its run up. */
const MAX_OPEN_RUNS = 200_000

/** A payload over `maxPayloadBytes` is not kept, only its size. */
export function createWriter(database: DatabaseSync, partitions: number, maxPayloadBytes: number): Writer {
  return new SqliteWriter(database, partitions, maxPayloadBytes)
}

interface StepWriting {
  readonly packed: boolean
  /** The run was there before. */
  readonly known: boolean
  readonly events: string
}

class SqliteWriter implements Writer {
  readonly #partitions: number
  readonly #statements: Statements
  readonly #payloads: ReturnType<typeof payloadsUpTo>
  readonly #letters: LetterWriter
  readonly #writeOperation: ReturnType<typeof createOperationWriter>
  readonly #insertRun: SparseInsert
  readonly #insertStep: SparseInsert
  readonly #putStep: SparseInsert
  /** Leaves the indexes of waiting steps alone, which otherwise costs an eighth of all. */
  readonly #putWaitlessStep: SparseInsert
  readonly #open = new Map<RunId, OpenRun>()
  #counts = new CountChanges()

  constructor(database: DatabaseSync, partitions: number, maxPayloadBytes: number) {
    this.#partitions = partitions
    this.#statements = prepare(database)
    this.#payloads = payloadsUpTo(maxPayloadBytes)
    this.#insertRun = sparseInsert(database, 'runs', RUN_COLUMNS)
    this.#insertStep = sparseInsert(database, 'steps', STEP_COLUMNS)
    this.#putStep = sparseInsert(database, 'steps', STEP_COLUMNS, onStep([...LATEST_STEP_COLUMNS, ...WAIT_COLUMNS]))
    this.#putWaitlessStep = sparseInsert(database, 'steps', STEP_COLUMNS, onStep(LATEST_STEP_COLUMNS))
    this.#letters = createLetterWriter(database)
    this.#writeOperation = createOperationWriter(database)
  }

  apply(batch: BatchChange): RunId[] {
    const ended: RunId[] = []
    this.#counts = new CountChanges()
    for (const run of batch.runs.values()) this.#writeRun(run, ended)
    for (const letter of batch.letters) this.#letters.write(letter)
    for (const operation of batch.operations) this.#writeOperation(operation)
    for (const row of this.#counts.rows()) this.#statements.count.run(...row)
    return ended
  }

  setPosition(partition: number, nextOffset: number, latestMs: EpochMs): void {
    this.#statements.setPosition.run(nextOffset, latestMs, partition)
  }

  reset(): void {
    this.#open.clear()
  }

  #writeRun(change: RunChange, ended: RunId[]): void {
    const known = this.#find(change.runId)
    const run = known ?? this.#insert(change)
    // Its acceptance has left the log: there is nothing to hang the rest on.
    if (run === undefined) return
    const told = known === undefined || this.#update(run, change)
    // A run that begins and ends here has its steps in its own row.
    const packed = known === undefined && change.end !== null
    this.#writeSteps(run, change, { packed, known: known !== undefined, events: told ? '' : change.events.text })
    if (change.end !== null || run.status === 'failed') {
      this.#open.delete(change.runId)
      ended.push(change.runId)
    } else {
      this.#remember(change.runId, run)
    }
  }

  /** Returns whether the run's row was written, and its events with it. */
  #update(run: OpenRun, change: RunChange): boolean {
    const { end, startedAtMs, events } = change
    if (end !== null) return this.#end(run, change, end)
    if (startedAtMs === null || run.status !== 'accepted') return false
    this.#statements.startRun.run(startedAtMs, events.text, run.n)
    this.#move(run, 'running')
    return true
  }

  /** The first of the steps takes `events`, those that the run's row has not. */
  #writeSteps(run: OpenRun, { steps }: RunChange, { packed, known, events }: StepWriting): void {
    if (steps === null) return
    let rest = events
    for (const step of steps.values()) {
      if (step.waitsFor !== null) run.waited = true
      if (!packed) {
        const write = !known ? this.#insertStep : run.waited ? this.#putStep : this.#putWaitlessStep
        write(stepValues(run, step, rest, this.#payloads))
        rest = ''
      }
      for (const { attempt, failedAtMs, error } of step.failedAttempts ?? []) {
        this.#statements.putAttempt.run(run.n, step.stepId, attempt, failedAtMs, error)
      }
    }
  }

  #insert(change: RunChange): OpenRun | undefined {
    const values = newRunValues(change, this.#partitions, this.#payloads)
    if (values === null) return undefined
    const large = change.end === null ? takeLargeInput(values) : null
    const done = this.#insertRun(values)
    const run = openRunOf(Number(done.lastInsertRowid), values)
    if (large !== null) this.#statements.insertInput.run(run.n, large)
    this.#counts.add(run, run.status, 1)
    for (const [key, value] of metadataFields(change.accepted?.metadata ?? null)) {
      this.#statements.insertMetadata.run(run.n, run.tenant, key, value, run.acceptedAtMs)
    }
    return run
  }

  #end(run: OpenRun, change: RunChange, end: RunEnd): boolean {
    const [output, outputBytes] = this.#payloads(end.output)
    const { status, atMs, error, errorCode, failedStep, cancelReason, letterId } = end
    const ending = [
      change.startedAtMs,
      atMs,
      output,
      outputBytes,
      error,
      errorCode,
      failedStep,
      cancelReason,
      letterId,
      change.events.text,
    ]
    const done = this.#statements.endRun.run(status, ...ending, run.n)
    if (done.changes === 0) return false
    this.#move(run, status)
    return true
  }

  #move(run: OpenRun, status: string): void {
    this.#counts.add(run, run.status, -1)
    this.#counts.add(run, status, 1)
    run.status = status
  }

  #find(runId: RunId): OpenRun | undefined {
    const open = this.#open.get(runId)
    if (open !== undefined) return open
    const row = this.#statements.findRun.get(runKey(runId), runId)
    return row === undefined ? undefined : { ...(row as unknown as OpenRun), waited: true }
  }

  #remember(runId: RunId, run: OpenRun): void {
    if (this.#open.size >= MAX_OPEN_RUNS) this.#open.delete(this.#open.keys().next().value!)
    this.#open.set(runId, run)
  }
}

/** Takes it out of the values of a row that will be written again. */
function takeLargeInput(values: Value[]): string | null {
  const input = values[INPUT_COLUMN]
  if (typeof input !== 'string' || input.length < LARGE_INPUT_LENGTH) return null
  values[INPUT_COLUMN] = null
  return input
}

const onStep = (latest: readonly string[]): string =>
  `ON CONFLICT(run_n, step_id) DO UPDATE SET ${[
    'attempt = MAX(attempt, excluded.attempt)',
    'events = events || excluded.events',
    ...latest.map((column) => `${column} = excluded.${column}`),
    ...KEPT_STEP_COLUMNS.map((column) => `${column} = COALESCE(excluded.${column}, ${column})`),
  ].join(', ')}`

type Statements = ReturnType<typeof prepare>

function prepare(database: DatabaseSync): { readonly [name in StatementName]: StatementSync } {
  return {
    findRun: database.prepare(
      'SELECT n, tenant, flow, version, partition, accepted_at_ms AS acceptedAtMs, status FROM runs WHERE run_key = ? AND run_id = ?',
    ),
    startRun: database.prepare(
      `UPDATE runs SET status = 'running', started_at_ms = ?, events = events || ? WHERE n = ?`,
    ),
    endRun:
      database.prepare(`UPDATE runs SET status = ?, started_at_ms = COALESCE(started_at_ms, ?), finished_at_ms = ?,
      output = ?, output_bytes = ?, error = ?, error_code = ?, failed_step = ?, cancel_reason = ?, letter_id = ?, events = events || ?
      WHERE n = ? AND status IN ('accepted', 'running')`),
    insertInput: database.prepare('INSERT INTO large_inputs(run_n, input) VALUES (?, ?)'),
    putAttempt: database.prepare(
      'INSERT OR REPLACE INTO failed_attempts(run_n, step_id, attempt, failed_at_ms, error) VALUES (?, ?, ?, ?, ?)',
    ),
    insertMetadata: database.prepare(
      'INSERT OR REPLACE INTO run_metadata(run_n, tenant, key, value, accepted_at_ms) VALUES (?, ?, ?, ?, ?)',
    ),
    count: database.prepare(`INSERT INTO run_counts(partition, tenant, flow, version, status, count)
      VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count`),
    setPosition: database.prepare(
      'UPDATE positions SET next_offset = ?, latest_ms = MAX(COALESCE(latest_ms, 0), ?) WHERE partition = ?',
    ),
  }
}

type StatementName =
  | 'findRun'
  | 'startRun'
  | 'endRun'
  | 'insertInput'
  | 'putAttempt'
  | 'insertMetadata'
  | 'count'
  | 'setPosition'
