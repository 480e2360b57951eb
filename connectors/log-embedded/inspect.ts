/** Looks at a data folder from outside and changes nothing in it. */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { metaOf, ownerOf } from './folder.ts'
import { APPLICATION_ID, DATABASE_FILE, FORMAT_VERSION } from './schema.ts'

const LOCK_FILE = 'lock.db'

export type FolderState =
  | { readonly kind: 'none' }
  | { readonly kind: 'damaged'; readonly reason: string }
  | {
      readonly kind: 'log'
      readonly version: number
      /** What this Beamline writes. */
      readonly knownVersion: number
      readonly partitions: number
      readonly bytes: number
      /** It was closed in order, or is in use. */
      readonly closed: boolean
      /** Id of the process that has it open. */
      readonly owner: string | null
    }

export function inspectFolder(folder: string): FolderState {
  const file = join(folder, DATABASE_FILE)
  if (!existsSync(file) || statSync(file).size === 0) return { kind: 'none' }
  const owner = lockedBy(folder)
  try {
    const database = new DatabaseSync(file, { readOnly: true })
    try {
      const id = Number(database.prepare('PRAGMA application_id').get()?.['application_id'])
      if (id !== APPLICATION_ID) return { kind: 'damaged', reason: `${file} is no Beamline log` }
      const meta = metaOf(database)
      return {
        kind: 'log',
        version: meta.get('format_version') ?? 0,
        knownVersion: FORMAT_VERSION,
        partitions: meta.get('partitions') ?? 0,
        bytes: sizeOf(file) + sizeOf(`${file}-wal`),
        closed: meta.get('closed') === 1,
        owner,
      }
    } finally {
      database.close()
    }
  } catch (error) {
    return { kind: 'damaged', reason: `${file} cannot be read: ${(error as Error).message}` }
  }
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0

/** The lock is looked at only while its owner lives: a look could get in the way of one that starts. */
function lockedBy(folder: string): string | null {
  const file = join(folder, LOCK_FILE)
  const owner = ownerOf(folder)
  if (!existsSync(file) || !isRunning(Number(owner))) return null
  const lock = new DatabaseSync(file, { readOnly: true })
  try {
    lock.exec('PRAGMA busy_timeout = 0')
    lock.prepare('SELECT count(*) FROM sqlite_schema').get()
    return null
  } catch {
    return owner
  } finally {
    lock.close()
  }
}

function isRunning(pid: number): boolean {
  try {
    return Number.isInteger(pid) && pid > 0 && process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
