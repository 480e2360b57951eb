/** Opens the projection's file, or begins it anew where it is missing, damaged, of another version or ahead of the log. */
import { mkdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { TABLES_VERSION } from '../tables.ts'
import { INDEXES, TABLES } from './tables.ts'

export interface OpenedDatabase {
  readonly database: DatabaseSync
  /** Next offset by partition, as stored. */
  readonly positions: number[]
  /** Why the file was begun anew; `null` if it was not, or there was none. */
  readonly rebuilt: string | null
}

/** The file was not there before. */
const NEW = 'new'

/** What the file must belong to. */
export interface Expected {
  readonly partitions: number
  /** Next offsets of the log's `events`; a projection that is ahead of them belongs to another log. Empty: not checked. */
  readonly heads: readonly number[]
  /** `null`: not checked. */
  readonly logId: string | null
}

/** With `damage` the file is begun anew in any case. */
export function openDatabase(file: string, expected: Expected, damage?: string): OpenedDatabase {
  if (file !== ':memory:') mkdirSync(dirname(file), { recursive: true })
  const found = damage ?? tryOpen(file, expected)
  if (typeof found !== 'string') return found
  removeDatabase(file)
  const database = connect(file)
  const { partitions } = expected
  create(database, expected)
  return { database, positions: Array<number>(partitions).fill(0), rebuilt: found === NEW ? null : found }
}

export function removeDatabase(file: string): void {
  if (file === ':memory:') return
  for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true })
}

function tryOpen(file: string, expected: Expected): OpenedDatabase | string {
  let database: DatabaseSync | null = null
  try {
    database = connect(file)
    const found = inspect(database, expected)
    if (typeof found !== 'string') {
      database.exec(`BEGIN; ${INDEXES} COMMIT`)
      return { database, positions: found, rebuilt: null }
    }
    database.close()
    return found
  } catch (error) {
    if (database?.isOpen) database.close()
    return `it cannot be read: ${(error as Error).message}`
  }
}

function connect(file: string): DatabaseSync {
  const database = new DatabaseSync(file)
  try {
    // A tail lost in a power cut costs nothing, since positions go with the rows: no sync per transaction.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY')
    database.exec('PRAGMA cache_size = -32000; PRAGMA wal_autocheckpoint = 4000')
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

function inspect(database: DatabaseSync, { partitions, heads, logId }: Expected): number[] | string {
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number }
  if (version === 0 && database.prepare('SELECT 1 FROM sqlite_schema').get() === undefined) return NEW
  if (version !== TABLES_VERSION) return `it has version ${version}, this is version ${TABLES_VERSION}`
  const owner = database.prepare('SELECT log_id AS id FROM meta').get()?.id ?? null
  if (logId !== null && owner !== null && owner !== logId) return `it belongs to another log (${owner})`
  const rows = database.prepare('SELECT next_offset AS next FROM positions ORDER BY partition').all()
  if (rows.length !== partitions) return `it has ${rows.length} partitions, the log has ${partitions}`
  const positions = rows.map((row) => Number(row.next))
  const ahead = positions.findIndex((next, partition) => next > (heads[partition] ?? Number.POSITIVE_INFINITY))
  return ahead < 0
    ? positions
    : `it is ahead of events/${ahead} (${positions[ahead]}, while the log ends at ${heads[ahead]})`
}

function create(database: DatabaseSync, { partitions, logId }: Expected): void {
  database.exec('BEGIN')
  database.exec(TABLES + INDEXES)
  database.prepare('INSERT INTO meta(log_id) VALUES (?)').run(logId)
  const insert = database.prepare('INSERT INTO positions(partition, next_offset) VALUES (?, 0)')
  for (let partition = 0; partition < partitions; partition++) insert.run(partition)
  database.exec(`PRAGMA user_version = ${TABLES_VERSION}`)
  database.exec('COMMIT')
}
