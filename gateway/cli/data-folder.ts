/** Looks at a data folder before anything opens it, so that a wrong path is said as such. */
import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { CliError, EXIT } from './cli-error.ts'

const HINT = 'Choose another folder with --data or BEAMLINE_DATA.'

const REASONS: { readonly [code: string]: string } = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
}

/** Creates the folder where there is none. @throws {CliError} also where nothing may be written to it */
export function prepareDataFolder(folder: string, access: (path: string, mode: number) => void = accessSync): void {
  const path = resolve(folder)
  const isThere = existsSync(path)
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === false) throw notAFolder(folder)
    // a plain mkdir where it will do: the recursive one never ends on a file system that takes no folders
    mkdirSync(path, { recursive: isThere || !existsSync(dirname(path)) })
    access(path, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    if (error instanceof CliError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOTDIR' || code === 'EEXIST') throw notAFolder(folder)
    const reason = REASONS[code ?? ''] ?? message
    const what = isThere ? 'written to' : 'created'
    throw new CliError(EXIT.failed, `the data folder ${folder} cannot be ${what}: ${reason}`, HINT)
  }
}

function notAFolder(folder: string): CliError {
  return new CliError(EXIT.failed, `the data folder ${folder} is a file or lies in one; expected a folder`, HINT)
}

/** @throws {CliError} when there is no log in the folder; nothing is created */
export function requireDataFolder(folder: string, databaseFile: string): void {
  if (existsSync(join(folder, databaseFile))) return
  const found = existsSync(folder) ? `there is no Beamline log in ${folder}` : `there is no folder ${folder}`
  throw new CliError(
    EXIT.failed,
    `${found}; expected a data folder with ${databaseFile}`,
    'Say where it is with --data.',
  )
}
