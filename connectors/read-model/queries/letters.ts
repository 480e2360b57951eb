/** Dead letters, one by one and by fingerprint. */
import { type Expression, type SqlBool, sql } from 'kysely'
import type { TenantId } from '../../../schemas/ids.ts'
import type { LetterGroups, LetterPage, LetterQuery } from '../../../topology/read-model/lists.ts'
import type { LetterStatus, LetterView, ReadModelCounts } from '../../../topology/read-model/port.ts'
import { decodeCursor, encodeCursor, type Place } from './cursor.ts'
import type { Snapshot } from './snapshot.ts'
import { letterGroup, letterView } from './views.ts'
import { asRows, type Db, isText, type Key, type Rows, type Walk, walkPage } from './walk.ts'

const MAX_GROUPS = 1000
const SAMPLES = 5

export async function listLetters({ db, asOf }: Snapshot, query: LetterQuery): Promise<LetterPage> {
  const { limit, cursor, ...filter } = query
  const { order } = filter
  const identity = { list: 'letters', ...filter }
  const after = cursor === null ? null : await placeToKey(db, order, decodeCursor(identity, cursor))
  const page = await walkPage(letterWalk(db, filter), { order, after, limit })
  const numbers = new Set([...page.keys, ...(page.end === null ? [] : [page.end])].map(({ n }) => n))
  const found =
    numbers.size === 0
      ? []
      : await db
          .selectFrom('letters')
          .selectAll()
          .where('n', 'in', [...numbers])
          .execute()
  const rows = new Map(found.map((row) => [row.n, row]))
  const end = page.end === null ? null : { ms: page.end.ms, id: rows.get(page.end.n)!.letter_id }
  return {
    letters: page.keys.map(({ n }) => letterView(rows.get(n)!)),
    next: end === null ? null : encodeCursor(identity, end),
    cutShort: page.cutShort,
    asOf,
  }
}

export async function getLetter({ db }: Snapshot, tenant: TenantId, letterId: string): Promise<LetterView | null> {
  const [row] = await db
    .selectFrom('letters')
    .selectAll()
    .where('letter_id', '=', letterId)
    .where('tenant', '=', tenant)
    .execute()
  return row === undefined ? null : letterView(row)
}

async function placeToKey(db: Db, order: LetterQuery['order'], { ms, id }: Place): Promise<Key> {
  const [row] = await db.selectFrom('letters').select('n').where('letter_id', '=', id).execute()
  return { ms, n: row?.n ?? (order === 'newest' ? Number.MAX_SAFE_INTEGER : 0) }
}

function letterWalk(db: Db, query: Omit<LetterQuery, 'limit' | 'cursor'>): Walk {
  const { tenant, fingerprint, status, flow, code } = query
  let letters = db.selectFrom('letters').where('letters.tenant', '=', tenant)
  const rest: Expression<SqlBool>[] = []
  if (fingerprint !== null) letters = letters.where('letters.fingerprint', '=', fingerprint)
  if (status !== null && fingerprint !== null) letters = letters.where('letters.status', '=', status)
  else if (status === 'open') letters = letters.where(sql<SqlBool>`letters.status = 'open'`)
  else if (status !== null) rest.push(isText('letters.status', status))
  if (flow !== null) rest.push(isText('letters.flow', flow))
  if (code !== null) rest.push(isText('letters.code', code))
  const narrow = (rows: Rows): Rows => rest.reduce((narrowed, condition) => narrowed.where(condition), rows)
  return {
    rows: asRows(letters),
    ms: 'letters.at_ms',
    n: 'letters.n',
    narrow: rest.length === 0 ? null : narrow,
    repeats: false,
    examines: 'runs',
  }
}

export async function letterGroups({ db, asOf }: Snapshot, tenant: TenantId): Promise<LetterGroups> {
  const groups = await db
    .selectFrom('letter_groups')
    .selectAll()
    .select(Array.from({ length: SAMPLES }, (_, index) => sample(index).as(`sample_${index}`)))
    .where('tenant', '=', tenant)
    .orderBy('last_at_ms', 'desc')
    .orderBy('fingerprint')
    .limit(MAX_GROUPS)
    .execute()
  return { groups: groups.map((group) => letterGroup(group, samplesOf(group))), asOf }
}

/** Id of the group's open letter that is so far from its latest, or none. */
function sample(index: number) {
  return sql<string | null>`(select letter_id from letters
    where letters.tenant = letter_groups.tenant and letters.fingerprint = letter_groups.fingerprint and letters.status = 'open'
    order by letters.at_ms desc, letters.n desc limit 1 offset ${sql.lit(index)})`
}

function samplesOf(row: Readonly<Record<string, unknown>>): string[] {
  const samples = Array.from({ length: SAMPLES }, (_, index) => row[`sample_${index}`])
  return samples.filter((letterId) => typeof letterId === 'string')
}

export async function countLetters(db: Db): Promise<ReadModelCounts['letters']> {
  const counts: { [S in LetterStatus]: number } = { open: 0, replayed: 0, discarded: 0 }
  const sum = (column: LetterStatus) => sql<number | null>`cast(sum(${sql.ref(column)}) as bigint)`.as(column)
  const [row] = await db
    .selectFrom('letter_groups')
    .select([sum('open'), sum('replayed'), sum('discarded')])
    .execute()
  for (const status of Object.keys(counts) as LetterStatus[]) counts[status] = row?.[status] ?? 0
  return counts
}
