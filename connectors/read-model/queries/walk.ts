/**
 * A page of a list, read along one index in its order. What the index cannot tell is checked on each row, so the number of rows looked at is
 * bounded: a page may end early and say where to go on.
 */
import { type Expression, type Kysely, type SelectQueryBuilder, type SqlBool, sql } from 'kysely'
import type { ListOrder } from '../../../topology/read-model/lists.ts'
import type { ReadTables } from '../tables.ts'

/** Rows looked at for one page or count: runs that must be looked up, or entries of an index that tell all that is asked. */
export const MAX_EXAMINED = { runs: 5_000, entries: 20_000 } as const

export type Rows = SelectQueryBuilder<ReadTables, keyof ReadTables, object>

/** A place in an index: a time, then a row's number. */
export interface Key {
  readonly ms: number
  readonly n: number
}

export interface Walk {
  /** Rows that the index has together, without order. */
  readonly rows: Rows
  /** Column of the time, and of the number, that the index goes on with. */
  readonly ms: string
  readonly n: string
  /** Adds what is not in the index; `null` if there is nothing. */
  readonly narrow: ((rows: Rows) => Rows) | null
  /** Several rows of the index may have one number. */
  readonly repeats: boolean
  /** What `narrow` looks at. */
  readonly examines: keyof typeof MAX_EXAMINED
}

export interface WalkPage {
  readonly keys: readonly Key[]
  /** Where the next page begins, after this key; `null` at the end. */
  readonly end: Key | null
  readonly cutShort: boolean
}

export interface WalkBounds {
  readonly order: ListOrder
  readonly after: Key | null
  readonly limit: number
}

/** The builder's type tells which tables a query has; here any of them. */
export function asRows(rows: unknown): Rows {
  return rows as Rows
}

export async function walkPage(walk: Walk, { order, after, limit }: WalkBounds): Promise<WalkPage> {
  const rows = after === null ? walk.rows : walk.rows.where(beyond(walk, order, after))
  const last = walk.narrow === null ? null : await lastExamined(walk, rows, order, MAX_EXAMINED[walk.examines])
  let found = walk.narrow === null ? rows : walk.narrow(rows)
  if (last !== null) found = found.where(upTo(walk, order, last))
  if (walk.repeats) found = found.groupBy([sql.ref(walk.ms), sql.ref(walk.n)])
  const keys = await ordered(walk, found, order)
    .limit(limit + 1)
    .execute()
  if (keys.length > limit) {
    keys.pop()
    return { keys, end: keys.at(-1)!, cutShort: false }
  }
  return { keys, end: last, cutShort: last !== null }
}

export interface StatusCounts {
  readonly counts: readonly { readonly status: string; readonly count: number }[]
  /** Not all rows of the index were looked at. */
  readonly cutShort: boolean
}

/** Counts what {@link walkPage} would list, of a bounded number of rows; the walk must lead to `runs`. */
export async function walkCounts(walk: Walk, narrow: (rows: Rows) => Rows): Promise<StatusCounts> {
  const last = await lastExamined(walk, walk.rows, 'newest', MAX_EXAMINED.runs)
  const rows = last === null ? walk.rows : walk.rows.where(upTo(walk, 'newest', last))
  const count = walk.repeats ? sql`count(distinct ${sql.ref(walk.n)})` : sql`count(*)`
  const counts = await narrow(rows)
    .groupBy(sql.ref('runs.status'))
    .select([sql.ref<string>('runs.status').as('status'), sql<number>`cast(${count} as bigint)`.as('count')])
    .execute()
  return { counts, cutShort: last !== null }
}

async function lastExamined(walk: Walk, rows: Rows, order: ListOrder, most: number): Promise<Key | null> {
  const [row] = await ordered(walk, rows, order)
    .limit(1)
    .offset(most - 1)
    .execute()
  return row ?? null
}

function ordered(walk: Walk, rows: Rows, order: ListOrder) {
  const direction = order === 'newest' ? 'desc' : 'asc'
  return rows
    .select([sql.ref<number>(walk.ms).as('ms'), sql.ref<number>(walk.n).as('n')])
    .orderBy(sql.ref(walk.ms), direction)
    .orderBy(sql.ref(walk.n), direction)
}

function beyond(walk: Walk, order: ListOrder, { ms, n }: Key): Expression<SqlBool> {
  const comparison = sql.raw(order === 'newest' ? '<' : '>')
  return sql<SqlBool>`(${sql.ref(walk.ms)}, ${sql.ref(walk.n)}) ${comparison} (${ms}, ${n})`
}

function upTo(walk: Walk, order: ListOrder, { ms, n }: Key): Expression<SqlBool> {
  const comparison = sql.raw(order === 'newest' ? '>=' : '<=')
  return sql<SqlBool>`(${sql.ref(walk.ms)}, ${sql.ref(walk.n)}) ${comparison} (${ms}, ${n})`
}

/**
 * Equality that no index is used for, since it is asked of an expression. So the index of a list is the one it was written for, whatever the database
 * guesses about the rest.
 */
export function isText(column: string, value: string): Expression<SqlBool> {
  return sql<SqlBool>`(${sql.ref(column)} || '') = ${value}`
}

export function isNumber(column: string, value: number): Expression<SqlBool> {
  return sql<SqlBool>`(${sql.ref(column)} + 0) = ${value}`
}

/** As {@link isText}, for an instant from `fromMs` on, before `toMs`. */
export function within(column: string, fromMs: number | null, toMs: number | null): Expression<SqlBool>[] {
  const conditions: Expression<SqlBool>[] = []
  if (fromMs !== null) conditions.push(sql<SqlBool>`(${sql.ref(column)} + 0) >= ${fromMs}`)
  if (toMs !== null) conditions.push(sql<SqlBool>`(${sql.ref(column)} + 0) < ${toMs}`)
  return conditions
}

export type Db = Kysely<ReadTables>
