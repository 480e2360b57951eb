/**
 * Copies a data folder while its owner runs. Each database is copied within one read transaction, which holds nobody up; the read model before the log, so that
 * it is never ahead of the log it belongs to; blobs after it, since each is stored before a record names it and removed long after none does. Files of tenants are copied
 * last and are no part of the cut. Snapshots are left out: they can be made anew.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openEmbeddedReader } from '../log-embedded/reader.ts'
import { APPLICATION_ID, DATABASE_FILE } from '../log-embedded/schema.ts'
import {
  BackupError,
  describeFile,
  ELSEWHERE_FILE,
  MANIFEST_FILE,
  type Manifest,
  type NamedBlobs,
  newManifest,
  sync,
} from './manifest.ts'
import { addNamedBlobs, addNamedInState } from './named-blobs.ts'

export const READ_MODEL_FILE = 'read-model.db'
export const BLOBS_FOLDER = 'blobs'
export const FILES_FOLDER = 'files'
const READ_RECORDS = 10_000
const BUSY_MS = 30_000

export interface BackupOptions {
  readonly dataFolder: string
  /** Does not exist, or is empty. */
  readonly destination: string
  /** Of Beamline. */
  readonly version: string
  readonly nowMs: number
}

/** @throws {BackupError}; what reading and writing files throws */
export async function backUp({ dataFolder, destination, version, nowMs }: BackupOptions): Promise<Manifest> {
  if (isWithin(resolve(destination), resolve(dataFolder))) {
    throw new BackupError(
      'NOT_EMPTY',
      `${destination} lies in the data folder ${dataFolder}; expected a place outside it`,
    )
  }
  makeEmpty(destination)
  const names = [READ_MODEL_FILE, DATABASE_FILE].filter((name) => existsSync(join(dataFolder, name)))
  for (const name of names) copyDatabase(join(dataFolder, name), join(destination, name))
  const named = new Set<string>()
  const log = checkLog(destination, named)
  const files = [BLOBS_FOLDER, FILES_FOLDER].flatMap((folder) => {
    return copyFiles(join(dataFolder, folder), join(destination, folder)).map((file) => `${folder}/${file}`)
  })
  const described = []
  for (const name of [...names, ...files]) described.push(await describeFile(destination, name))
  const manifest = newManifest({
    beamline: version,
    taken_at_ms: nowMs,
    ...log,
    blobs: nameElsewhere(destination, named, files),
    files: described,
  })
  writeFileSync(join(destination, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`)
  sync(join(destination, MANIFEST_FILE))
  sync(destination)
  return manifest
}

function nameElsewhere(destination: string, named: ReadonlySet<string>, files: readonly string[]): NamedBlobs {
  const copied = new Set(files.map((file) => file.slice(file.lastIndexOf('/') + 1)))
  const elsewhere = [...named].filter((hash) => !copied.has(hash)).sort()
  if (elsewhere.length > 0) {
    writeFileSync(join(destination, ELSEWHERE_FILE), `${elsewhere.join('\n')}\n`)
    sync(join(destination, ELSEWHERE_FILE))
  }
  return { named: named.size, elsewhere: elsewhere.length }
}

/** @throws {BackupError} `NOT_EMPTY`, `NOT_A_FOLDER` */
export function makeEmpty(folder: string): void {
  if (existsSync(folder) && !statSync(folder).isDirectory()) {
    throw new BackupError('NOT_A_FOLDER', `${folder} is a file; expected a folder that is empty or does not exist`)
  }
  mkdirSync(folder, { recursive: true })
  const [first] = readdirSync(folder)
  if (first === undefined) return
  throw new BackupError('NOT_EMPTY', `${folder} is not empty: it has ${first}; expected an empty folder or none`)
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path)
  return way === '' || (!way.startsWith(`..${sep}`) && way !== '..')
}

/** All of it as of one moment, in one file without a write-ahead log. */
function copyDatabase(from: string, to: string): void {
  const source = new DatabaseSync(from, { readOnly: true })
  const partial = `${to}.partial`
  try {
    source.exec(`PRAGMA busy_timeout = ${BUSY_MS}`)
    source.prepare('VACUUM INTO ?').run(partial)
  } finally {
    source.close()
  }
  checkDatabase(partial)
  sync(partial)
  renameSync(partial, to)
}

/** @throws {BackupError} */
export function checkDatabase(file: string): void {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const found = database.prepare('PRAGMA integrity_check(1)').get()?.['integrity_check']
    if (found !== 'ok') throw new BackupError('BACKUP_INVALID', `${file} is damaged: ${found}`)
  } finally {
    database.close()
  }
}

type LogFields = Pick<Manifest, 'log_id' | 'log_format' | 'partitions' | 'records' | 'cut'>

/** Reads every record of a log at rest, and adds the blobs that it names. @throws {BackupError} */
export function checkLog(folder: string, named: Set<string> = new Set()): LogFields {
  const file = join(folder, DATABASE_FILE)
  const meta = metaOf(file)
  const reader = openEmbeddedReader(folder)
  try {
    let records = 0
    const cut: { [partition: string]: number } = {}
    for (const { topic, partition, firstOffset, nextOffset } of reader.ends()) {
      if (nextOffset > 0) cut[`${topic}/${partition}`] = nextOffset
      for (let from = firstOffset; from < nextOffset; ) {
        const read = reader.read(topic, partition, from, READ_RECORDS)
        records += read.length
        for (const { value } of read) addNamedBlobs(value, named)
        from = (read.at(-1)?.offset ?? nextOffset) + 1
      }
    }
    addNamedInState(file, named)
    return { ...meta, partitions: reader.partitions, records, cut }
  } catch (error) {
    throw new BackupError('BACKUP_INVALID', `${file} cannot be read: ${(error as Error).message}`, { cause: error })
  } finally {
    reader.close()
  }
}

function metaOf(file: string): Pick<Manifest, 'log_id' | 'log_format'> {
  const database = new DatabaseSync(file)
  try {
    const id = Number(database.prepare('PRAGMA application_id').get()?.['application_id'])
    if (id !== APPLICATION_ID) throw new BackupError('BACKUP_INVALID', `${file} is no Beamline log`)
    // it has been checked in full and nobody has it open: the next start need not do so again
    database.exec(`UPDATE meta SET value = 1 WHERE key = 'closed'`)
    const get = (key: string): unknown => database.prepare('SELECT value FROM meta WHERE key = ?').get(key)?.['value']
    return { log_id: String(get('id')), log_format: Number(get('format_version')) }
  } finally {
    database.close()
  }
}

/** Names of the copied files; links are left out, what is removed meanwhile, and what is hidden: the store's own, which it makes anew. */
function copyFiles(from: string, to: string): string[] {
  if (!existsSync(from)) return []
  const names = readdirSync(from, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(from, join(entry.parentPath, entry.name)).split(sep).join('/'))
  return names.filter((name) => !name.startsWith('.') && copyFile(join(from, name), join(to, name)))
}

function copyFile(from: string, to: string): boolean {
  mkdirSync(dirname(to), { recursive: true })
  try {
    cpSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
  sync(to)
  return true
}
