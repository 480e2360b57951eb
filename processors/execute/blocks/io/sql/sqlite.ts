/** SQLite files inside the tenant's folder. */

import { readlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Json } from '../../../../../schemas/json.ts'
import { BlockError } from '../../../block.ts'
import type { ProcessPool } from '../../workers/process-pool.ts'
import { type FileSettings, kindOf, openFolder, pathNames, reasonOf } from '../files/root.ts'
import type { SqlLimits, SqlResult, SqlStatement } from './postgres-query.ts'

export const IN_MEMORY = ':memory:'

/** `file` is a path within the tenant's folder, or `:memory:`. @throws {BlockError} `DB_CONNECTION_ERROR`, `DB_QUERY_ERROR`, `RESULT_TOO_LARGE`, `INVALID_PATH`, `FILES_UNAVAILABLE` */
export async function runSqlite(
  pool: ProcessPool,
  files: FileSettings,
  tenant: string,
  file: string,
  statement: SqlStatement,
  limits: SqlLimits,
  signal: AbortSignal,
): Promise<SqlResult> {
  const path = file === IN_MEMORY ? file : await placeOf(files, tenant, file, statement.mayWrite)
  const call = {
    file: path,
    query: statement.text,
    args: statement.values as readonly Json[],
    mayWrite: statement.mayWrite,
    rows: limits.rows,
    bytes: limits.bytes,
  }
  const { rows, affected } = (await pool.call(call, signal)) as {
    readonly rows: readonly Json[]
    readonly affected: number | null
  }
  return { rows, affected: affected ?? rows.length }
}

/** Where the file is on this machine: below folders that are no links, and no link itself. */
async function placeOf({ folder }: FileSettings, tenant: string, path: string, make: boolean): Promise<string> {
  if (folder == null) throw new BlockError('FILES_UNAVAILABLE', 'this executor has no folder for files')
  const names = pathNames(path)
  const name = names.at(-1)!
  try {
    const open = await openFolder(folder, tenant, names.slice(0, -1), make)
    try {
      const kind = await kindOf(open, name)
      if (kind === 'other' || (kind === 'absent' && !make))
        throw refused(path, kind === 'other' ? 'it is no plain file' : 'there is no such file')
      return join(await readlink(`/proc/self/fd/${open.handle.fd}`), name)
    } finally {
      await open.handle.close()
    }
  } catch (error) {
    throw error instanceof BlockError ? error : refused(path, reasonOf(error))
  }
}

function refused(path: string, why: string): BlockError {
  return new BlockError('DB_CONNECTION_ERROR', `the database '${path.slice(0, 200)}' cannot be opened: ${why}`, {
    class: 'permanent',
  })
}
