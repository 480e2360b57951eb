/** Writes a folded batch: one row per run, step and letter that changed, and the positions, in the caller's transaction. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { homeOf, type RunId } from '../../../schemas/ids.ts'
import type { JsonText } from '../../../schemas/json.ts'
import { type BatchChange, errorJson, type LetterChange, type RunChange, type StepChange } from './fold.ts'

export interface Writer {
  /** Returns the runs that ended. */
  apply(batch: BatchChange): RunId[]
  setPosition(partition: number, nextOffset: number): void
  /** Forgets what it remembers of open runs, after a rollback. */
  reset(): void
}

const RUN_COLUMNS = `run_id tenant flow version status accepted_at_ms started_at_ms finished_at_ms priority sticky_key
  idempotency_key deadline_at_ms metadata input input_bytes output output_bytes error failed_step cancel_reason letter_id
  replay_of replay_id cause_topic cause_offset partition`.split(/\s+/)
const STEP_COLUMNS = `run_n step_id first_offset status attempt pool worker_id queued_at_ms started_at_ms finished_at_ms
  due_at_ms reason output output_bytes error optional`.split(/\s+/)
const LETTER_COLUMNS =
  `letter_id tenant fingerprint category status code message error run_id flow step_id topic partition
  offset parent_letter_id at_ms`.split(/\s+/)
const KEPT_STEP_COLUMNS = [
  'pool',
  'worker_id',
  'queued_at_ms',
  'started_at_ms',
  'finished_at_ms',
  'output',
  'output_bytes',
]
const LATEST_STEP_COLUMNS = ['status', 'due_at_ms', 'reason', 'error', 'optional']

const insertInto = (table: string, columns: readonly string[], rest = ''): string =>
  `INSERT INTO ${table}(${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')}) ${rest}`

/** Numbers of runs that have not ended, so that a step's event need not look its run up. */
const MAX_OPEN_RUNS = 200_000

/** A payload over `maxPayloadBytes` is not kept, only its size. */
export function createWriter(database: DatabaseSync, partitions: number, maxPayloadBytes: number): Writer {
  const statements = prepare(database)
  const openRuns = new Map<RunId, number>()
  const payload = (text: JsonText | null): readonly [SQLInputValue, SQLInputValue] => {
    if (text === null) return [null, null]
    // UTF-8 takes at least one and at most three bytes for a unit of UTF-16.
    if (text.length * 3 <= maxPayloadBytes) return [text, null]
    const size = Buffer.byteLength(text)
    return size <= maxPayloadBytes ? [text, null] : [null, size]
  }
  const numberOf = (runId: RunId): number | undefined => {
    const open = openRuns.get(runId)
    if (open !== undefined) return open
    const row = statements.findRun.get(runId)
    return row === undefined ? undefined : Number(row.n)
  }
  const remember = (runId: RunId, n: number): void => {
    if (openRuns.size >= MAX_OPEN_RUNS) openRuns.delete(openRuns.keys().next().value!)
    openRuns.set(runId, n)
  }
  const insertRun = (run: RunChange): number | undefined => {
    const values = acceptedValues(run, homeOf(run.runId, partitions), payload) ?? rejectedValues(run, partitions)
    if (values === null) return undefined
    const done = statements.insertRun.run(...values)
    return done.changes === 0 ? undefined : Number(done.lastInsertRowid)
  }
  const writeStep = (n: number, step: StepChange): void => {
    const [output, outputBytes] = payload(step.output)
    statements.putStep.run(
      n,
      step.stepId,
      step.offset,
      step.status,
      step.attempt,
      step.pool,
      step.workerId,
      step.queuedAtMs,
      step.startedAtMs,
      step.finishedAtMs,
      step.dueAtMs,
      step.reason,
      output,
      outputBytes,
      step.error,
      step.optional ? 1 : 0,
    )
    for (const failed of step.failedAttempts ?? []) {
      statements.putAttempt.run(n, step.stepId, failed.attempt, failed.failedAtMs, failed.error)
    }
  }
  const writeRun = (run: RunChange, ended: RunId[]): void => {
    let n = numberOf(run.runId)
    let finished = run.end !== null
    if (n === undefined) {
      n = insertRun(run)
      // Its acceptance has left the log: there is nothing to hang the rest on.
      if (n === undefined) return
      finished ||= run.accepted === null
    } else if (run.end !== null) {
      const [output, outputBytes] = payload(run.end.output)
      const { status, atMs, error, failedStep, cancelReason, letterId } = run.end
      const started = run.startedAtMs
      statements.endRun.run(status, started, atMs, output, outputBytes, error, failedStep, cancelReason, letterId, n)
    } else if (run.startedAtMs !== null) {
      statements.startRun.run(run.startedAtMs, n)
    }
    if (run.steps !== null) for (const step of run.steps.values()) writeStep(n, step)
    if (finished) {
      openRuns.delete(run.runId)
      ended.push(run.runId)
    } else {
      remember(run.runId, n)
    }
  }
  return {
    apply(batch) {
      const ended: RunId[] = []
      for (const run of batch.runs.values()) writeRun(run, ended)
      for (const letter of batch.letters) writeLetter(statements, letter)
      return ended
    },
    setPosition: (partition, nextOffset) => void statements.setPosition.run(nextOffset, partition),
    reset: () => openRuns.clear(),
  }
}

type Payload = (text: JsonText | null) => readonly [SQLInputValue, SQLInputValue]

function acceptedValues(run: RunChange, partition: number, payload: Payload): SQLInputValue[] | null {
  const { accepted, end } = run
  if (accepted === null) return null
  const status = end?.status ?? (run.startedAtMs === null ? 'accepted' : 'running')
  return [
    run.runId,
    run.tenant,
    accepted.flow,
    accepted.version,
    status,
    accepted.atMs,
    run.startedAtMs,
    end?.atMs ?? null,
    accepted.priority,
    accepted.stickyKey,
    accepted.idempotencyKey,
    accepted.deadlineAtMs,
    accepted.metadata,
    ...payload(accepted.input),
    ...payload(end?.output ?? null),
    end?.error ?? null,
    end?.failedStep ?? null,
    end?.cancelReason ?? null,
    end?.letterId ?? null,
    accepted.replayOf,
    accepted.replayId,
    accepted.causeTopic,
    accepted.causeOffset,
    partition,
  ]
}

/** A refused submission shows as a run that failed when it arrived. */
function rejectedValues(run: RunChange, partitions: number): SQLInputValue[] | null {
  const { rejected } = run
  if (rejected === null) return null
  const { atMs } = rejected
  return [
    run.runId,
    run.tenant,
    rejected.flow,
    0,
    'failed',
    atMs,
    null,
    atMs,
    5,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    errorJson(rejected.error),
    null,
    null,
    null,
    null,
    null,
    rejected.causeTopic,
    rejected.causeOffset,
    homeOf(run.runId, partitions),
  ]
}

function writeLetter(statements: Statements, letter: LetterChange): void {
  if (letter.kind === 'LetterStored') {
    statements.insertLetter.run(
      letter.letterId,
      letter.tenant,
      letter.fingerprint,
      letter.category,
      'open',
      letter.error.code,
      letter.error.message,
      errorJson(letter.error),
      letter.runId,
      letter.flow,
      letter.stepId,
      letter.topic,
      letter.partition,
      letter.offset,
      letter.parentLetterId,
      letter.atMs,
    )
  } else if (letter.kind === 'LetterReplayed') {
    const { replayId, newRunId, atMs, requestedBy, reason, letterId } = letter
    statements.resolveLetter.run('replayed', replayId, newRunId, atMs, requestedBy, reason, letterId)
  } else {
    const { atMs, requestedBy, reason, letterId } = letter
    statements.resolveLetter.run('discarded', null, null, atMs, requestedBy, reason, letterId)
  }
}

type Statements = ReturnType<typeof prepare>

function prepare(database: DatabaseSync): { readonly [name in StatementName]: StatementSync } {
  const latest = LATEST_STEP_COLUMNS.map((column) => `${column} = excluded.${column}`)
  const kept = KEPT_STEP_COLUMNS.map((column) => `${column} = COALESCE(excluded.${column}, ${column})`)
  const onStep = `ON CONFLICT(run_n, step_id) DO UPDATE SET attempt = MAX(attempt, excluded.attempt), ${[...latest, ...kept].join(', ')}`
  return {
    findRun: database.prepare('SELECT n FROM runs WHERE run_id = ?'),
    insertRun: database.prepare(insertInto('runs', RUN_COLUMNS, 'ON CONFLICT(run_id) DO NOTHING')),
    startRun: database.prepare(
      `UPDATE runs SET status = 'running', started_at_ms = ? WHERE n = ? AND status = 'accepted'`,
    ),
    endRun:
      database.prepare(`UPDATE runs SET status = ?, started_at_ms = COALESCE(started_at_ms, ?), finished_at_ms = ?,
      output = ?, output_bytes = ?, error = ?, failed_step = ?, cancel_reason = ?, letter_id = ?
      WHERE n = ? AND status IN ('accepted', 'running')`),
    putStep: database.prepare(insertInto('steps', STEP_COLUMNS, onStep)),
    putAttempt: database.prepare(
      'INSERT OR REPLACE INTO failed_attempts(run_n, step_id, attempt, failed_at_ms, error) VALUES (?, ?, ?, ?, ?)',
    ),
    insertLetter: database.prepare(insertInto('letters', LETTER_COLUMNS, 'ON CONFLICT(letter_id) DO NOTHING')),
    resolveLetter: database.prepare(`UPDATE letters SET status = ?, replay_id = COALESCE(?, replay_id),
      new_run_id = COALESCE(?, new_run_id), resolved_at_ms = ?, resolved_by = ?, resolved_reason = ? WHERE letter_id = ?`),
    setPosition: database.prepare('UPDATE positions SET next_offset = ? WHERE partition = ?'),
  }
}

type StatementName =
  | 'findRun'
  | 'insertRun'
  | 'startRun'
  | 'endRun'
  | 'putStep'
  | 'putAttempt'
  | 'insertLetter'
  | 'resolveLetter'
  | 'setPosition'
