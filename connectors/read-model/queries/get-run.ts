/** One run: as a whole, by its status, and its events. */
import type { RunId, TenantId } from '../../../schemas/ids.ts'
import type { RunEventsPage, RunEventsQuery } from '../../../topology/read-model/lists.ts'
import type { RunStatus, RunView } from '../../../topology/read-model/port.ts'
import { mergeStep, type PackedStep, unpackSteps } from '../packed-steps.ts'
import { runKey } from '../rows.ts'
import { eventsOf } from '../run-events.ts'
import type { RunsTable } from '../tables.ts'
import type { Snapshot } from './snapshot.ts'
import { runView, stepView, VIEW_COLUMNS } from './views.ts'
import type { Db } from './walk.ts'

export async function getRun({ db, asOf }: Snapshot, tenant: TenantId, runId: RunId): Promise<RunView | null> {
  const [row] = await db
    .selectFrom('runs')
    .select(VIEW_COLUMNS)
    .where('run_key', '=', runKey(runId))
    .where('run_id', '=', runId)
    .where('tenant', '=', tenant)
    .execute()
  if (row === undefined) return null
  const steps = await stepsOf(db, row)
  // Only a step that was tried again has any.
  const attempts = steps.some((step) => step.attempt > 1 || step.status === 'retrying')
    ? await failedAttempts(db, row.n)
    : []
  const failed = Map.groupBy(attempts, (attempt) => attempt.step_id)
  const views = steps.map((step) => stepView(step, failed.get(step.step_id) ?? []))
  const input = row.input ?? (row.input_bytes === null ? await largeInput(db, row.n) : null)
  return runView({ ...row, input }, views, asOf)
}

async function largeInput(db: Db, n: number): Promise<string | null> {
  const [row] = await db.selectFrom('large_inputs').select('input').where('run_n', '=', n).execute()
  return row?.input ?? null
}

type PackedRun = Pick<RunsTable, 'packed_steps' | 'accepted_at_ms'> & { readonly n: number }

/** In the order in which they first appeared. */
async function stepsOf(db: Db, run: PackedRun): Promise<PackedStep[]> {
  const packed = unpackSteps(run.packed_steps, run.accepted_at_ms)
  const rows = await db.selectFrom('steps').selectAll().where('run_n', '=', run.n).execute()
  const steps = new Map<string, PackedStep>(packed.map((step) => [step.step_id, step]))
  for (const row of rows) {
    const before = steps.get(row.step_id)
    steps.set(row.step_id, before === undefined ? row : mergeStep(before, row))
  }
  return [...steps.values()].sort((a, b) => a.first_offset - b.first_offset || (a.step_id < b.step_id ? -1 : 1))
}

function failedAttempts(db: Db, n: number) {
  const rows = db.selectFrom('failed_attempts').selectAll().where('run_n', '=', n)
  return rows.orderBy('step_id').orderBy('attempt').execute()
}

/** `undefined` if there is no such run. */
export async function statusOf(db: Db, tenant: TenantId, runId: RunId): Promise<RunStatus | undefined> {
  const [row] = await db
    .selectFrom('runs')
    .select('status')
    .where('run_key', '=', runKey(runId))
    .where('run_id', '=', runId)
    .where('tenant', '=', tenant)
    .execute()
  return row?.status as RunStatus | undefined
}

/** `null` if the tenant has no such run. */
export async function runEvents({ db, asOf }: Snapshot, query: RunEventsQuery): Promise<RunEventsPage | null> {
  const [run] = await db
    .selectFrom('runs')
    .select(['n', 'partition', 'accepted_at_ms', 'events', 'packed_steps'])
    .where('run_key', '=', runKey(query.runId))
    .where('run_id', '=', query.runId)
    .where('tenant', '=', query.tenant)
    .execute()
  if (run === undefined) return null
  const steps = await stepsOf(db, run)
  const after = query.after ?? -1
  const events = eventsOf([run.events, ...steps.map((step) => step.events)].join('')).filter(
    (event) => event.offset > after,
  )
  const more = events.length > query.limit
  return { partition: run.partition, events: more ? events.slice(0, query.limit) : events, more, asOf }
}
