import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { runWalk } from '../../../connectors/read-model/queries/run-walk.ts'
import { openDatabase } from '../../../connectors/read-model/sqlite/database.ts'
import { kyselyOn } from '../../../connectors/read-model/sqlite/dialect.ts'
import { anyRun, type RunFilter } from '../../../topology/read-model/lists.ts'
import { TENANT } from './sample-events.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'beamline-indexes-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const EXPECTED = { partitions: 2, heads: [], logId: null }
const file = () => join(folder, 'read-model.db')

function indexesOf(database: DatabaseSync): unknown[] {
  const rows = database.prepare(
    `SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name`,
  )
  return rows.all().map(({ name, sql: text }) => [name, text])
}

it('brings the indexes of an older file up to date and keeps what is in it', () => {
  const fresh = openDatabase(file(), EXPECTED).database
  const expected = indexesOf(fresh)
  fresh.exec(`DROP INDEX runs_by_state; DROP INDEX runs_of_flow; UPDATE positions SET next_offset = 7`)
  fresh.exec(`CREATE INDEX runs_by_status ON runs(tenant, status, accepted_at_ms) WHERE status <> 'completed'`)
  fresh.close()
  const again = openDatabase(file(), EXPECTED)
  expect(again).toMatchObject({ rebuilt: null, positions: [7, 7] })
  expect(indexesOf(again.database)).toEqual(expected)
  again.database.close()
})

const day = { fromMs: 1, toMs: 86_400_001 }
it.each<Partial<RunFilter>>([
  { status: 'failed', flow: 'a', accepted: day },
  { status: 'failed', flow: 'a', version: 2 },
  { flow: 'a', version: 2 },
  { errorCode: 'BOOM', flow: 'a', version: 2, accepted: day },
])('finds runs in one index, in its order, without a look at any run: %j', async (part) => {
  const { database } = openDatabase(':memory:', EXPECTED)
  database.exec(`INSERT INTO run_counts(partition, tenant, flow, version, status, count)
    VALUES (0, '${TENANT}', 'a', 1, 'completed', 1000), (0, '${TENANT}', 'a', 1, 'failed', 100)`)
  const walk = await runWalk(kyselyOn(database), { ...anyRun(TENANT), ...part })
  expect(walk.examines).toBe('entries')
  const query = walk.narrow!(walk.rows)
    .select([sql.ref(walk.ms).as('ms'), sql.ref(walk.n).as('n')])
    .orderBy(sql.ref(walk.ms), 'desc')
    .orderBy(sql.ref(walk.n), 'desc')
    .compile()
  const plan = database.prepare(`EXPLAIN QUERY PLAN ${query.sql}`).all(...(query.parameters as string[]))
  expect(plan.map(({ detail }) => detail)).toEqual([expect.stringMatching(/^SEARCH runs USING COVERING INDEX/)])
  database.close()
})
