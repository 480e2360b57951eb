import type { PostgresOptions } from './postgres.ts'
import type { SqlLimits } from './postgres-query.ts'

export interface SqlSettings extends PostgresOptions {
  readonly limits?: Partial<SqlLimits>
  /** Processes that run SQLite; default 2. */
  readonly sqliteProcesses?: number
}

export const SQL_LIMITS: SqlLimits = { rows: 10_000, bytes: 1 << 20 }
