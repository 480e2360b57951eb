/** Kysely on an open `node:sqlite` database. Every statement runs at once, in the thread that asks. */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import { connectionDriver } from '../connection-driver.ts'
import type { ReadTables } from '../tables.ts'

/** Lists make statements of many shapes; the latest are kept prepared. */
const MAX_PREPARED = 200

export function kyselyOn(database: DatabaseSync): Kysely<ReadTables> {
  const prepared = new Map<string, StatementSync>()
  const prepare = (text: string): StatementSync => {
    const found = prepared.get(text)
    if (found !== undefined) return found
    if (prepared.size >= MAX_PREPARED) prepared.delete(prepared.keys().next().value!)
    const statement = database.prepare(text)
    prepared.set(text, statement)
    return statement
  }
  const driver = connectionDriver(async (text, parameters) => prepare(text).all(...(parameters as SQLInputValue[])))
  return new Kysely<ReadTables>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => driver,
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  })
}
