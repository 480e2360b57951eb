/** Which index a list of runs is read along, by what it is filtered by; the rest of the filter is checked row by row. */
import { type Expression, type SqlBool, sql } from 'kysely'
import type { RunFilter, TimeRange } from '../../../topology/read-model/lists.ts'
import { asRows, type Db, isNumber, isText, MAX_EXAMINED, type Rows, type Walk, within } from './walk.ts'

type Conditions = Expression<SqlBool>[]

/** A part of the filter that an index answers, and the walk along that index. */
interface Index {
  readonly rows: Rows
  readonly ms: string
  readonly n: string
  readonly answers: ReadonlySet<keyof RunFilter>
  /** What else its entries hold: they are looked at one by one, but no run is. */
  readonly holds: ReadonlySet<keyof RunFilter>
}

const NOTHING: Index['holds'] = new Set()
const VERSION: Index['holds'] = new Set(['version'])
const FLOW_AND_VERSION: Index['holds'] = new Set(['flow', 'version'])

export interface RunWalk extends Walk {
  /** As `narrow`, and with the run's columns in any case. */
  readonly toRuns: (rows: Rows) => Rows
}

export async function runWalk(db: Db, asked: RunFilter): Promise<RunWalk> {
  const filter = await rarestFirst(db, asked)
  const index = await chooseIndex(db, filter)
  const range = index.ms === 'runs.finished_at_ms' ? filter.finished : filter.accepted
  const rows = keyWithin(index, range)
  const rest = restOf(db, filter, index)
  const joined = index.n !== 'runs.n'
  const narrow = (narrowed: Rows): Rows =>
    rest.reduce(
      (query, condition) => query.where(condition),
      joined
        ? asRows(narrowed.innerJoin('runs', (join) => join.on(sql<SqlBool>`runs.n = ${sql.ref(index.n)}`)))
        : narrowed,
    )
  return {
    rows,
    ms: index.ms,
    n: index.n,
    narrow: rest.length === 0 ? null : narrow,
    toRuns: narrow,
    repeats: index.n === 'steps.run_n',
    examines: entriesTell(index, filter) ? 'entries' : 'runs',
  }
}

function entriesTell({ answers, holds }: Index, { tenant: _, ...filter }: RunFilter): boolean {
  const { metadata, ...rest } = filter
  const asked = (Object.keys(rest) as (keyof typeof rest)[]).filter((part) => rest[part] !== null)
  return metadata.length === 0 && asked.every((part) => answers.has(part) || holds.has(part))
}

/** Enough to tell a rare field from a frequent one. */
const MAX_COUNTED = 2_000

/** The index of metadata answers for one field: that which fewest runs have. */
async function rarestFirst(db: Db, filter: RunFilter): Promise<RunFilter> {
  if (filter.metadata.length < 2) return filter
  const counted: { readonly field: RunFilter['metadata'][number]; readonly count: number }[] = []
  for (const field of filter.metadata) {
    const some = db
      .selectFrom('run_metadata')
      .select('run_n')
      .where('tenant', '=', filter.tenant)
      .where('key', '=', field.key)
      .where('value', '=', field.value)
      .limit(MAX_COUNTED)
    const [row] = await db
      .selectFrom(some.as('some'))
      .select(sql<number>`cast(count(*) as bigint)`.as('count'))
      .execute()
    counted.push({ field, count: row!.count })
  }
  return { ...filter, metadata: counted.sort((a, b) => a.count - b.count).map(({ field }) => field) }
}

/** In order of how few runs an index is likely to leave. The range of ends comes first, since the list is then in order of them. */
async function chooseIndex(db: Db, filter: RunFilter): Promise<Index> {
  if (filter.finished !== null) return byEnd(db, filter)
  if (filter.waitingFor !== null || filter.waitingStep !== null) return byWait(db, filter)
  if (filter.metadata.length > 0) return byMetadata(db, filter)
  const { tenant, errorCode, flow, status } = filter
  const runs = asRows(db.selectFrom('runs').where('runs.tenant', '=', tenant))
  const on = (rows: Rows, answers: readonly (keyof RunFilter)[], holds: Index['holds'] = NOTHING): Index => ({
    rows,
    ms: 'runs.accepted_at_ms',
    n: 'runs.n',
    answers: new Set([...answers, 'accepted']),
    holds,
  })
  if (errorCode !== null) return on(runs.where('runs.error_code', '=', errorCode), ['errorCode'], FLOW_AND_VERSION)
  if (status !== null && status !== 'completed' && !(await isFlowRarer(db, filter))) {
    // Spelled out, since the index that leaves out completed runs is used only then.
    const left = runs.where('runs.status', '=', status).where(sql<SqlBool>`runs.status <> 'completed'`)
    return on(left, ['status'], FLOW_AND_VERSION)
  }
  return flow === null ? on(runs, []) : on(runs.where('runs.flow', '=', flow), ['flow'], VERSION)
}

/** Of a run, beside an entry of an index: it may be on the disk. */
const COST_OF_LOOKING_UP = 50

async function isFlowRarer(db: Db, { tenant, flow, status }: RunFilter): Promise<boolean> {
  if (flow === null) return false
  const sum = (column: string, value: string | null) =>
    sql<number>`coalesce(cast(sum(case when ${sql.ref(column)} = ${value} then count else 0 end) as bigint), 0)`
  const [counts] = await db
    .selectFrom('run_counts')
    .where('tenant', '=', tenant)
    .select([sum('flow', flow).as('of_flow'), sum('status', status).as('of_status')])
    .execute()
  const { of_flow: ofFlow, of_status: ofStatus } = counts!
  return Math.min(ofFlow, MAX_EXAMINED.runs) * COST_OF_LOOKING_UP < Math.min(ofStatus, MAX_EXAMINED.entries)
}

function byEnd(db: Db, { tenant }: RunFilter): Index {
  const rows = db.selectFrom('runs').where('runs.tenant', '=', tenant).where('runs.finished_at_ms', 'is not', null)
  return { rows: asRows(rows), ms: 'runs.finished_at_ms', n: 'runs.n', answers: new Set(['finished']), holds: NOTHING }
}

function byWait(db: Db, { tenant, waitingFor, waitingStep }: RunFilter): Index {
  const waits = db.selectFrom('steps').where('steps.waits_tenant', '=', tenant).where('steps.waits_for', 'is not', null)
  const place = { ms: 'steps.waits_accepted_ms', n: 'steps.run_n' }
  if (waitingStep === null) {
    const rows = waits.where('steps.waits_for', '=', waitingFor)
    return { ...place, rows: asRows(rows), answers: new Set(['waitingFor', 'accepted']), holds: NOTHING }
  }
  const rows = waits.where('steps.step_id', '=', waitingStep)
  return { ...place, rows: asRows(rows), answers: new Set(['waitingStep', 'accepted']), holds: NOTHING }
}

function byMetadata(db: Db, { tenant, metadata }: RunFilter): Index {
  const [first] = metadata
  const rows = db
    .selectFrom('run_metadata')
    .where('run_metadata.tenant', '=', tenant)
    .where('run_metadata.key', '=', first!.key)
    .where('run_metadata.value', '=', first!.value)
  // The first field is the index; `restOf` goes on with the second.
  return {
    rows: asRows(rows),
    ms: 'run_metadata.accepted_at_ms',
    n: 'run_metadata.run_n',
    answers: new Set(['metadata', 'accepted']),
    holds: NOTHING,
  }
}

function keyWithin(index: Index, range: TimeRange | null): Rows {
  let { rows } = index
  if (range !== null && range.fromMs !== null) rows = rows.where(sql<SqlBool>`${sql.ref(index.ms)} >= ${range.fromMs}`)
  if (range !== null && range.toMs !== null) rows = rows.where(sql<SqlBool>`${sql.ref(index.ms)} < ${range.toMs}`)
  return rows
}

function restOf(db: Db, filter: RunFilter, { answers, n }: Index): Conditions {
  const rest: Conditions = []
  const { status, flow, version, errorCode, accepted } = filter
  if (status !== null && !answers.has('status')) rest.push(isText('runs.status', status))
  if (flow !== null && !answers.has('flow')) rest.push(isText('runs.flow', flow))
  if (version !== null) rest.push(isNumber('runs.version', version))
  if (errorCode !== null && !answers.has('errorCode')) rest.push(isText('runs.error_code', errorCode))
  if (accepted !== null && !answers.has('accepted')) {
    rest.push(...within('runs.accepted_at_ms', accepted.fromMs, accepted.toMs))
  }
  rest.push(...waitRest(db, filter, answers, n))
  for (const { key, value } of filter.metadata.slice(answers.has('metadata') ? 1 : 0)) {
    const fields = db
      .selectFrom('run_metadata as other')
      .select(sql`1`.as('one'))
      .where(sql<SqlBool>`other.run_n = ${sql.ref(n)}`)
      .where('other.key', '=', key)
      .where('other.value', '=', value)
    rest.push(sql<SqlBool>`exists ${fields}`)
  }
  return rest
}

function waitRest(db: Db, filter: RunFilter, answers: Index['answers'], n: string): Conditions {
  const { waitingFor, waitingStep } = filter
  if (waitingFor === null && waitingStep === null) return []
  if (answers.has('waitingStep')) return waitingFor === null ? [] : [isText('steps.waits_for', waitingFor)]
  if (answers.has('waitingFor')) return []
  let steps = db
    .selectFrom('steps as waiting')
    .select(sql`1`.as('one'))
    .where(sql<SqlBool>`waiting.run_n = ${sql.ref(n)}`)
    .where('waiting.waits_for', 'is not', null)
  if (waitingFor !== null) steps = steps.where('waiting.waits_for', '=', waitingFor)
  if (waitingStep !== null) steps = steps.where('waiting.step_id', '=', waitingStep)
  return [sql<SqlBool>`exists ${steps}`]
}
