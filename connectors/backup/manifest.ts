/** What a backup says of itself, in `backup.json`; written last, so that a folder without it is no backup. */
import { createHash } from 'node:crypto'
import { closeSync, createReadStream, fsyncSync, openSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

export const MANIFEST_FILE = 'backup.json'
/** The hashes of blobs that lie elsewhere, one a line; no part of what is restored. */
export const ELSEWHERE_FILE = 'blobs-elsewhere.txt'
const MANIFEST_FORMAT = 1

export interface BackupFile {
  /** Below the backup's folder, with `/`. */
  readonly name: string
  readonly bytes: number
  /** Hexadecimal. */
  readonly sha256: string
}

export interface Manifest {
  readonly format: number
  /** Version of Beamline that made it. */
  readonly beamline: string
  readonly taken_at_ms: number
  readonly log_id: string
  readonly log_format: number
  readonly partitions: number
  /** Records in it, of all topics. */
  readonly records: number
  /** The cut: for each topic partition that has records, the offset of the next one. */
  readonly cut: { readonly [partition: string]: number }
  /** Of blobs that its records and rows name; absent in backups of older versions. */
  readonly blobs?: NamedBlobs
  readonly files: readonly BackupFile[]
}

export interface NamedBlobs {
  readonly named: number
  /** Of those, how many are not among the files: they lie in a bucket or another folder, or have gone with their runs. */
  readonly elsewhere: number
}

export class BackupError extends Error {
  readonly code: 'BACKUP_INVALID' | 'NOT_EMPTY' | 'NOT_A_FOLDER'
  constructor(code: BackupError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'BackupError'
    this.code = code
  }
}

export async function describeFile(folder: string, name: string): Promise<BackupFile> {
  const path = join(folder, ...name.split('/'))
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Uint8Array)
  return { name, bytes: statSync(path).size, sha256: hash.digest('hex') }
}

/** @throws {BackupError} */
export function readManifest(folder: string): Manifest {
  const invalid = (why: string): BackupError => new BackupError('BACKUP_INVALID', `${folder} is no backup: ${why}`)
  let manifest: Partial<Manifest>
  try {
    manifest = JSON.parse(readFileSync(join(folder, MANIFEST_FILE), 'utf8')) as Partial<Manifest>
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw invalid(
      missing ? `it has no ${MANIFEST_FILE}` : `${MANIFEST_FILE} cannot be read: ${(error as Error).message}`,
    )
  }
  const { format, files } = manifest
  if (format !== MANIFEST_FORMAT) throw invalid(`${MANIFEST_FILE} has format ${format}; expected ${MANIFEST_FORMAT}`)
  if (!Array.isArray(files) || !files.every(isPlainFile)) throw invalid(`${MANIFEST_FILE} does not name its files`)
  return manifest as Manifest
}

/** A name must not lead out of the folder. */
function isPlainFile({ name, bytes, sha256 }: Partial<BackupFile>): boolean {
  if (typeof name !== 'string' || typeof bytes !== 'number' || typeof sha256 !== 'string') return false
  return name.split('/').every((part) => part !== '' && part !== '.' && part !== '..') && !/[\\\0]/.test(name)
}

export function newManifest(fields: Omit<Manifest, 'format'>): Manifest {
  return { format: MANIFEST_FORMAT, ...fields }
}

/** A file or a folder. */
export function sync(path: string): void {
  const handle = openSync(path, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
