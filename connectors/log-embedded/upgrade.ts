/** Brings a database of an older format to the present one; the database as it was stays beside it. */
import { existsSync, renameSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { LogError } from '../../topology/log/port.ts'
import { FORMAT_VERSION } from './schema.ts'

/** By the version that a step starts from: what makes the next one of it. Statements of one transaction. */
export type Upgrades = ReadonlyMap<number, string>

/** The first format is the present one: there is nothing to be brought up to it yet. */
export const UPGRADES: Upgrades = new Map()

/** Where the database is kept as it was. */
export const copyOf = (file: string, version: number): string => `${file}.v${version}`

/**
 * Keeps a copy, then takes each step from the version there is to the present one, all or nothing.
 * @throws {LogError} `DATA_FOLDER_OLDER` if a step is missing, `DATA_FOLDER_CORRUPT` if one fails; the database is as it was then
 */
export function upgrade(file: string, from: number, upgrades: Upgrades = UPGRADES, to = FORMAT_VERSION): void {
  const steps: string[] = []
  for (let version = from; version < to; version++) {
    const step = upgrades.get(version)
    if (step === undefined) throw tooOld(file, from, version, to)
    steps.push(step)
  }
  const copy = copyOf(file, from)
  keepCopy(file, copy)
  const database = new DatabaseSync(file)
  try {
    database.exec(`PRAGMA busy_timeout = 10000; PRAGMA synchronous = FULL; BEGIN IMMEDIATE`)
    for (const step of steps) database.exec(step)
    database.exec(`INSERT OR REPLACE INTO meta VALUES ('format_version', ${to}); COMMIT`)
  } catch (error) {
    throw new LogError(
      'DATA_FOLDER_CORRUPT',
      `the database ${file} could not be brought from format version ${from} to ${to}: ${(error as Error).message}; it was left as it is, with a copy in ${copy}`,
      { cause: error },
    )
  } finally {
    database.close()
  }
}

function tooOld(file: string, from: number, missing: number, to: number): LogError {
  const versions = `the database ${file} has format version ${from}, this Beamline reads version ${to}`
  return new LogError(
    'DATA_FOLDER_OLDER',
    `${versions} and cannot make version ${missing + 1} of ${missing}; it was left as it is: open it with the Beamline that wrote it, or one that came right after`,
  )
}

/** A copy that is whole from an earlier try is the one to keep: it is from before anything was changed. */
function keepCopy(file: string, copy: string): void {
  if (existsSync(copy)) return
  const partial = `${copy}.partial`
  rmSync(partial, { force: true })
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    database.prepare('VACUUM INTO ?').run(partial)
  } finally {
    database.close()
  }
  renameSync(partial, copy)
}
