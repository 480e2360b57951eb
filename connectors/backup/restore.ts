/** Makes a data folder of a backup: checked before, checked after, and never over anything that is there. */
import { copyFileSync, mkdirSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DATABASE_FILE, FORMAT_VERSION } from '../log-embedded/schema.ts'
import { checkDatabase, makeEmpty } from './backup.ts'
import { BackupError, describeFile, type Manifest, readManifest, sync } from './manifest.ts'

export interface RestoreOptions {
  /** Folder of the backup. */
  readonly source: string
  /** Does not exist, or is empty. */
  readonly dataFolder: string
}

/** The log comes last, under its name only once it is whole: a restore that was cut short is no data folder. @throws {BackupError} */
export async function restore({ source, dataFolder }: RestoreOptions): Promise<Manifest> {
  const manifest = readManifest(source)
  if (manifest.log_format > FORMAT_VERSION) {
    const known = `this Beamline knows versions up to ${FORMAT_VERSION}`
    throw new BackupError('BACKUP_INVALID', `${source} has a log of format version ${manifest.log_format}, ${known}`)
  }
  if (!manifest.files.some(({ name }) => name === DATABASE_FILE)) {
    throw new BackupError('BACKUP_INVALID', `${source} is no backup: it has no ${DATABASE_FILE}`)
  }
  await check(source, manifest)
  makeEmpty(dataFolder)
  const files = manifest.files.toSorted((a, b) => Number(a.name === DATABASE_FILE) - Number(b.name === DATABASE_FILE))
  for (const { name } of files) copy(join(source, name), join(dataFolder, `${name}.partial`))
  for (const { name } of files) {
    const target = join(dataFolder, name)
    if (name.endsWith('.db')) checkDatabase(`${target}.partial`)
    renameSync(`${target}.partial`, target)
  }
  await check(dataFolder, manifest)
  sync(dataFolder)
  return manifest
}

async function check(folder: string, { files }: Manifest): Promise<void> {
  for (const expected of files) {
    const found = await describeFile(folder, expected.name).catch((error: NodeJS.ErrnoException) => {
      throw new BackupError('BACKUP_INVALID', `${folder} is not whole: ${expected.name} cannot be read: ${error.code}`)
    })
    if (found.bytes === expected.bytes && found.sha256 === expected.sha256) continue
    const what = `${expected.name} has ${found.bytes} bytes with the hash ${found.sha256.slice(0, 12)}`
    const wanted = `${expected.bytes} bytes with ${expected.sha256.slice(0, 12)}`
    throw new BackupError('BACKUP_INVALID', `${folder} is damaged: ${what}; expected ${wanted}`)
  }
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true })
  copyFileSync(from, to)
  sync(to)
}
