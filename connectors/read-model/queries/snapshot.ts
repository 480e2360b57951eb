/** What a question is asked of: the tables at one moment. */
import type { Kysely } from 'kysely'
import type { AsOf } from '../../../topology/read-model/lists.ts'
import type { ReadTables } from '../tables.ts'

export interface Snapshot {
  readonly db: Kysely<ReadTables>
  readonly asOf: AsOf
}

/** Reads where the projection stands. */
export async function readAsOf(db: Kysely<ReadTables>): Promise<AsOf> {
  const rows = await db
    .selectFrom('positions')
    .select(['partition', 'next_offset', 'latest_ms'])
    .orderBy('partition')
    .execute()
  return asOfRows(rows)
}

export function asOfRows(rows: readonly { readonly next_offset: number; readonly latest_ms: number | null }[]): AsOf {
  const times = rows.map((row) => row.latest_ms).filter((ms) => ms !== null)
  return { positions: rows.map((row) => row.next_offset), eventMs: times.length === 0 ? null : Math.max(...times) }
}
