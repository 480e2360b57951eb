/** The program of the processes that run SQLite: its statements cannot be stopped from within. */
import { constants, DatabaseSync, type StatementSync } from 'node:sqlite'
import type { Json } from '../../../../../schemas/json.ts'
import { BlockError } from '../../../block.ts'
import { serveProcess } from '../../workers/serve-process.ts'

export interface SqliteCall {
  /** A path, or `:memory:`. */
  readonly file: string
  readonly query: string
  readonly args: readonly Json[]
  readonly mayWrite: boolean
  readonly rows: number
  readonly bytes: number
}

const BUSY_MS = 5_000
/** A value or row takes at most so many bytes, however it is made. */
const LIMITS = { length: 16 << 20, sqlLength: 1 << 20, attach: 0 }
/** Pragmas that only tell something. */
const PRAGMAS = [
  'table_info',
  'table_xinfo',
  'table_list',
  'index_list',
  'index_info',
  'foreign_key_list',
  'user_version',
  'encoding',
  'data_version',
]
const FORBIDDEN = [constants.SQLITE_ATTACH, constants.SQLITE_DETACH]

serveProcess((payload) => run(payload as unknown as SqliteCall), 'DB_QUERY_ERROR')

function run(call: SqliteCall): Json {
  const database = opened(call)
  try {
    guard(database)
    const statement = database.prepare(call.query)
    statement.setReadBigInts(true)
    const args = call.args.map(parameter)
    const isQuery = statement.columns().length > 0
    if (isQuery) return { rows: rowsOf(statement, args, call), affected: null }
    return { rows: [], affected: Number(statement.run(...args).changes) }
  } finally {
    database.close()
  }
}

function opened({ file, mayWrite }: SqliteCall): DatabaseSync {
  try {
    const readOnly = !mayWrite && file !== ':memory:'
    return new DatabaseSync(file, { readOnly, timeout: BUSY_MS, allowExtension: false, limits: LIMITS })
  } catch (error) {
    throw new BlockError('DB_CONNECTION_ERROR', `the database cannot be opened: ${(error as Error).message}`)
  }
}

/** Other files cannot be reached, and settings not changed. */
function guard(database: DatabaseSync): void {
  database.setAuthorizer((action, name, value) => {
    if (FORBIDDEN.includes(action)) return constants.SQLITE_DENY
    if (
      action === constants.SQLITE_PRAGMA &&
      (!PRAGMAS.includes(String(name).toLowerCase()) || (value !== null && name === 'user_version'))
    ) {
      return constants.SQLITE_DENY
    }
    return action === constants.SQLITE_FUNCTION && String(value).toLowerCase() === 'load_extension'
      ? constants.SQLITE_DENY
      : constants.SQLITE_OK
  })
}

function rowsOf(
  statement: StatementSync,
  args: readonly (null | number | string)[],
  { rows, bytes }: SqliteCall,
): Json[] {
  const found: Json[] = []
  let size = 0
  for (const row of statement.iterate(...args)) {
    if (found.length >= rows)
      throw new BlockError('RESULT_TOO_LARGE', `the result has more than ${rows} rows, the limit`)
    const plain = Object.fromEntries(Object.entries(row).map(([name, value]) => [name, columnValue(value)]))
    size += JSON.stringify(plain).length
    if (size > bytes) throw new BlockError('RESULT_TOO_LARGE', `the result has more than ${bytes} bytes, the limit`)
    found.push(plain)
  }
  return found
}

function columnValue(value: unknown): Json {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  return typeof value === 'string' ? value : null
}

function parameter(arg: Json): null | number | string {
  if (typeof arg === 'boolean') return arg ? 1 : 0
  return typeof arg === 'object' && arg !== null ? JSON.stringify(arg) : arg
}
