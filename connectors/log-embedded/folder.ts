/** Opening a data folder: one owner at a time, a known format, and nothing overwritten that is not ours. Runs in the writer thread. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { LogError } from '../../topology/log/port.ts'
import type { WriterData } from './protocol.ts'
import { APPLICATION_ID, CREATE_TABLES, DATABASE_FILE, FORMAT_VERSION, PAGE_BYTES } from './schema.ts'
import { UPGRADES, type Upgrades, upgrade } from './upgrade.ts'

const LOCK_FILE = 'lock.db'
const OWNER_FILE = 'owner'
/** A database that was not closed is checked in full up to this size; a larger one would hold up the start for too long. */
const MAX_CHECKED_BYTES = 64 * 1024 * 1024
const SQLITE_BUSY = 5

export interface OpenFolder {
  readonly database: DatabaseSync
  close(): void
}

/**
 * Locks the folder and opens its database, which is created if there is none.
 * @throws {LogError} `DATA_FOLDER_IN_USE`, `DATA_FOLDER_NEWER`, `DATA_FOLDER_OLDER`, `DATA_FOLDER_CORRUPT`, `PARTITIONS_DIFFER`
 */
export function openFolder(data: WriterData, upgrades: Upgrades = UPGRADES): OpenFolder {
  const { folder, partitions } = data
  mkdirSync(folder, { recursive: true })
  const lock = lockFolder(folder)
  try {
    const file = join(folder, DATABASE_FILE)
    if (existsSync(file) && statSync(file).size > 0) {
      const version = check(file, partitions)
      if (version < FORMAT_VERSION) upgrade(file, version, upgrades)
    }
    const database = new DatabaseSync(file)
    database.exec(`
      PRAGMA page_size = ${PAGE_BYTES}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;
      PRAGMA cache_size = -16384; PRAGMA journal_size_limit = 67108864; PRAGMA busy_timeout = 10000; PRAGMA temp_store = MEMORY`)
    if (!hasTables(database)) create(database, data)
    database.exec(`UPDATE meta SET value = 0 WHERE key = 'closed'`)
    return {
      database,
      close() {
        database.exec(`UPDATE meta SET value = 1 WHERE key = 'closed'`)
        database.close()
        lock.close()
      },
    }
  } catch (error) {
    lock.close()
    throw error
  }
}

/** Holds an exclusive lock of the operating system on a small file of its own, which ends with the process however that ends. */
function lockFolder(folder: string): DatabaseSync {
  const lock = new DatabaseSync(join(folder, LOCK_FILE))
  try {
    lock.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw error
    throw new LogError(
      'DATA_FOLDER_IN_USE',
      `the data folder ${folder} is in use by process ${ownerOf(folder)}; stop that process or choose another folder`,
      { cause: error },
    )
  }
  writeFileSync(join(folder, OWNER_FILE), `${process.pid}\n`)
  return lock
}

export function ownerOf(folder: string): string {
  try {
    return readFileSync(join(folder, OWNER_FILE), 'utf8').trim()
  } catch {
    return '(unknown)'
  }
}

/** Looks at an existing database without changing it; answers its format version. */
function check(file: string, partitions: number): number {
  let meta: ReadonlyMap<string, number>
  let database: DatabaseSync | null = null
  try {
    database = new DatabaseSync(file, { readOnly: true })
    const id = Number(database.prepare('PRAGMA application_id').get()?.['application_id'])
    if (!hasTables(database) && id === 0) {
      // A database without tables: the process that created the file ended before its first transaction.
      if (database.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n'] === 0) return FORMAT_VERSION
    }
    if (id !== APPLICATION_ID)
      throw new Error(`it is no Beamline log (application id ${id}, expected ${APPLICATION_ID})`)
    meta = metaOf(database)
    if (meta.get('closed') !== 1 && statSync(file).size <= MAX_CHECKED_BYTES) quickCheck(database)
  } catch (error) {
    throw new LogError(
      'DATA_FOLDER_CORRUPT',
      `the database ${file} is damaged: ${(error as Error).message}; it was left as it is: restore it from a copy, or start with an empty folder`,
      { cause: error },
    )
  } finally {
    database?.close()
  }
  return checkMeta(file, meta, partitions)
}

function checkMeta(file: string, meta: ReadonlyMap<string, number>, partitions: number): number {
  const version = meta.get('format_version') ?? 0
  if (version > FORMAT_VERSION) {
    throw new LogError(
      'DATA_FOLDER_NEWER',
      `the database ${file} has format version ${version}, this Beamline knows versions up to ${FORMAT_VERSION}: use the newer Beamline that wrote it`,
    )
  }
  const stored = meta.get('partitions')
  if (stored !== partitions) {
    throw new LogError(
      'PARTITIONS_DIFFER',
      `the database ${file} has ${stored} partitions, but ${partitions} were asked for: the number is chosen once, when the folder is created`,
    )
  }
  return version
}

function quickCheck(database: DatabaseSync): void {
  const first = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
  if (first !== 'ok') throw new Error(`quick_check says: ${first}`)
}

function hasTables(database: DatabaseSync): boolean {
  return database.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'meta'`).get() !== undefined
}

/** The numbers among the settings stored in a log's database. */
export function metaOf(database: DatabaseSync): ReadonlyMap<string, number> {
  const rows = database.prepare('SELECT key, value FROM meta').all()
  return new Map(rows.map((row) => [String(row['key']), Number(row['value'])]))
}

function create(database: DatabaseSync, { partitions, newId, nowMs }: WriterData): void {
  database.exec(`
    BEGIN IMMEDIATE;
    PRAGMA application_id = ${APPLICATION_ID};
    ${CREATE_TABLES}
    INSERT INTO meta VALUES ('format_version', ${FORMAT_VERSION}), ('partitions', ${partitions}), ('id', '${newId}'), ('created_ms', ${nowMs}), ('closed', 0);
    COMMIT`)
}
