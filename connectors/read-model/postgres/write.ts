/** Writes a folded batch with a few statements for all its rows, in the caller's transaction, whose search path leads to the build's tables. */
import type { ClientBase } from 'pg'
import type { RunId } from '../../../schemas/ids.ts'
import type { BatchChange, RunChange } from '../fold.ts'
import { metadataFields } from '../metadata.ts'
import {
  CountChanges,
  KEPT_STEP_COLUMNS,
  LATEST_STEP_COLUMNS,
  newRunValues,
  type OpenRun,
  openRunOf,
  type Payloads,
  RUN_COLUMNS,
  runKey,
  STEP_COLUMNS,
  stepValues,
  type Value,
  WAIT_COLUMNS,
} from '../rows.ts'
import { rowsOf } from './connection.ts'
import { quoted, recordset, recordsJson } from './recordset.ts'
import { writeLetters } from './write-letters.ts'
import { writeOperations } from './write-operations.ts'

/** Returns the runs that ended. */
export async function writeBatch(
  client: ClientBase,
  batch: BatchChange,
  partitions: number,
  payloads: Payloads,
): Promise<RunId[]> {
  const writing = new Writing(client, partitions, payloads)
  const ended = await writing.runs([...batch.runs.values()])
  await writeLetters(client, batch.letters)
  await writeOperations(client, batch.operations)
  return ended
}

const ENDING_COLUMNS =
  `n status started_at_ms finished_at_ms output output_bytes error error_code failed_step cancel_reason letter_id
  events`.split(/\s+/)
const STARTING_COLUMNS = ['n', 'started_at_ms', 'events']
const ATTEMPT_COLUMNS = ['run_n', 'step_id', 'attempt', 'failed_at_ms', 'error']
const METADATA_COLUMNS = ['run_n', 'tenant', 'key', 'value', 'accepted_at_ms']
const COUNT_COLUMNS = ['partition', 'tenant', 'flow', 'version', 'status', 'count']

const INSERT_RUNS = insertFrom('runs', RUN_COLUMNS, 'returning n, run_id')
const END_RUNS = `update runs set status = given.status, started_at_ms = coalesce(runs.started_at_ms, given.started_at_ms),
  events = runs.events || given.events, ${setAll(ENDING_COLUMNS.filter((name) => !['n', 'status', 'started_at_ms', 'events'].includes(name)))}
  from ${recordset(ENDING_COLUMNS, '$1')} where runs.n = given.n`
const START_RUNS = `update runs set status = 'running', started_at_ms = given.started_at_ms, events = runs.events || given.events
  from ${recordset(STARTING_COLUMNS, '$1')} where runs.n = given.n`
const PUT_STEPS = insertFrom(
  'steps',
  STEP_COLUMNS,
  `on conflict (run_n, step_id) do update set ${[
    'attempt = greatest(steps.attempt, excluded.attempt)',
    'events = steps.events || excluded.events',
    ...[...LATEST_STEP_COLUMNS, ...WAIT_COLUMNS].map((column) => `${column} = excluded.${column}`),
    ...KEPT_STEP_COLUMNS.map((column) => `${column} = coalesce(excluded.${column}, steps.${column})`),
  ].join(', ')}`,
)
const PUT_ATTEMPTS = insertFrom(
  'failed_attempts',
  ATTEMPT_COLUMNS,
  'on conflict (run_n, step_id, attempt) do update set failed_at_ms = excluded.failed_at_ms, error = excluded.error',
)
const INSERT_METADATA = insertFrom('run_metadata', METADATA_COLUMNS, 'on conflict do nothing')
const COUNT = insertFrom(
  'run_counts',
  COUNT_COLUMNS,
  'on conflict (tenant, flow, version, status, partition) do update set count = run_counts.count + excluded.count',
)

function insertFrom(table: string, columns: readonly string[], rest: string): string {
  return `insert into ${table}(${quoted(columns)}) select ${quoted(columns)} from ${recordset(columns, '$1')} ${rest}`
}

function setAll(columns: readonly string[]): string {
  return columns.map((column) => `"${column}" = given."${column}"`).join(', ')
}

export async function writeCounts(client: ClientBase, counts: CountChanges): Promise<void> {
  const rows = [...counts.rows()]
  if (rows.length > 0) await client.query(COUNT, [recordsJson(COUNT_COLUMNS, rows)])
}

type Rows = Value[][]

class Writing {
  readonly #client: ClientBase
  readonly #partitions: number
  readonly #payloads: Payloads
  readonly #counts = new CountChanges()
  readonly #started: Rows = []
  readonly #ending: Rows = []
  readonly #steps: Rows = []
  readonly #attempts: Rows = []
  readonly #metadata: Rows = []

  constructor(client: ClientBase, partitions: number, payloads: Payloads) {
    this.#client = client
    this.#partitions = partitions
    this.#payloads = payloads
  }

  async runs(changes: readonly RunChange[]): Promise<RunId[]> {
    if (changes.length === 0) return []
    const known = await this.#known(changes)
    const begun = await this.#begin(changes.filter((change) => !known.has(change.runId)))
    const ended: RunId[] = []
    for (const change of changes) {
      const run = known.get(change.runId) ?? begun.get(change.runId)
      // Its acceptance has left the log: there is nothing to hang the rest on.
      if (run === undefined) continue
      const isNew = begun.has(change.runId)
      const told = isNew || this.#update(run, change)
      this.#addSteps(run, change, { packed: isNew && change.end !== null, events: told ? '' : change.events.text })
      if (change.end !== null || run.status === 'failed') ended.push(change.runId)
    }
    await this.#send(START_RUNS, STARTING_COLUMNS, this.#started)
    await this.#send(END_RUNS, ENDING_COLUMNS, this.#ending)
    await this.#send(PUT_STEPS, STEP_COLUMNS, this.#steps)
    await this.#send(PUT_ATTEMPTS, ATTEMPT_COLUMNS, this.#attempts)
    await this.#send(INSERT_METADATA, METADATA_COLUMNS, this.#metadata)
    await writeCounts(this.#client, this.#counts)
    return ended
  }

  /** Runs that are there already. Nobody else writes them: the positions of their partitions are locked. */
  async #known(changes: readonly RunChange[]): Promise<Map<RunId, OpenRun>> {
    const rows = await rowsOf<OpenRun & { readonly run_id: RunId }>(
      this.#client,
      `select n, run_id, tenant, flow, version, partition, accepted_at_ms as "acceptedAtMs", status from runs
        where run_key = any($1::bigint[]) and run_id = any($2::text[])`,
      [changes.map((change) => runKey(change.runId)), changes.map((change) => change.runId)],
    )
    return new Map(rows.map((row) => [row.run_id, row]))
  }

  async #begin(changes: readonly RunChange[]): Promise<Map<RunId, OpenRun>> {
    const values = new Map<string, { readonly change: RunChange; readonly row: Value[] }>()
    for (const change of changes) {
      const row = newRunValues(change, this.#partitions, this.#payloads)
      if (row !== null) values.set(change.runId, { change, row })
    }
    const begun = new Map<RunId, OpenRun>()
    if (values.size === 0) return begun
    const rows = [...values.values()].map(({ row }) => row)
    const numbered = await rowsOf<{ readonly n: number; readonly run_id: RunId }>(this.#client, INSERT_RUNS, [
      recordsJson(RUN_COLUMNS, rows),
    ])
    for (const { n, run_id } of numbered) {
      const { change, row } = values.get(run_id)!
      const run = openRunOf(n, row)
      begun.set(run_id, run)
      this.#counts.add(run, run.status, 1)
      for (const [key, value] of metadataFields(change.accepted?.metadata ?? null)) {
        this.#metadata.push([n, run.tenant, key, value, run.acceptedAtMs])
      }
    }
    return begun
  }

  /** Returns whether the run's row is written, and its events with it. */
  #update(run: OpenRun, { end, startedAtMs, events }: RunChange): boolean {
    const open = run.status === 'accepted' || run.status === 'running'
    if (end !== null && open) {
      const [output, outputBytes] = this.#payloads(end.output)
      const { status, atMs, error, errorCode, failedStep, cancelReason, letterId } = end
      const payload = [output, outputBytes, error, errorCode, failedStep, cancelReason, letterId]
      this.#ending.push([run.n, status, startedAtMs, atMs, ...payload, events.text])
      this.#move(run, status)
      return true
    }
    if (startedAtMs === null || run.status !== 'accepted') return false
    this.#started.push([run.n, startedAtMs, events.text])
    this.#move(run, 'running')
    return true
  }

  #move(run: OpenRun, status: string): void {
    this.#counts.add(run, run.status, -1)
    this.#counts.add(run, status, 1)
    run.status = status
  }

  /** The first of the steps takes `events`, those that the run's row has not. */
  #addSteps(run: OpenRun, { steps }: RunChange, { packed, events }: { packed: boolean; events: string }): void {
    if (steps === null) return
    let rest = events
    for (const step of steps.values()) {
      if (!packed) this.#steps.push(stepValues(run, step, rest, this.#payloads))
      rest = ''
      const byAttempt = new Map(step.failedAttempts?.map((failed) => [failed.attempt, failed]))
      for (const { attempt, failedAtMs, error } of byAttempt.values()) {
        this.#attempts.push([run.n, step.stepId, attempt, failedAtMs, error])
      }
    }
  }

  async #send(statement: string, columns: readonly string[], rows: Rows): Promise<void> {
    if (rows.length > 0) await this.#client.query(statement, [recordsJson(columns, rows)])
  }
}
