/**
 * A tenant's folder, and the way into it. Names are opened one by one, each below the folder that is already open (`/proc/self/fd/N/name`,
 * what `openat` is elsewhere) and without following links, so that nothing that is swapped meanwhile leads outside.
 */
import { constants } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { BlockError } from '../../../block.ts'

export interface FileSettings {
  /** Folder that has a folder for each tenant. Default: none, and files are not available. */
  readonly folder?: string | null
  /** Largest file to read or write, in bytes; default 768 KiB, which fits into an output in base64. */
  readonly limitBytes?: number
}

export const DEFAULT_FILE_LIMIT = 768 << 10
const NAME_MAX_BYTES = 255
const DEPTH_MAX = 64
const PATH_MAX_BYTES = 4_096
const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW

/** An open folder. */
export interface OpenFolder {
  readonly handle: FileHandle
  /** Path of something in the folder that no swap of the folder's own name can redirect. */
  at(name: string): string
}

/** The names of a path. @throws {BlockError} `INVALID_PATH` */
export function pathNames(path: string): readonly string[] {
  if (path.startsWith('/') || /^[A-Za-z]:[\\/]/.test(path)) throw invalid(path, 'it is absolute')
  if (path.includes('\0')) throw invalid(path, 'it has a NUL')
  if (Buffer.byteLength(path) > PATH_MAX_BYTES) throw invalid(path, `it has more than ${PATH_MAX_BYTES} bytes`)
  const names = path.split('/').filter((name) => name !== '' && name !== '.')
  if (names.includes('..')) throw invalid(path, "it has '..'")
  if (names.length === 0 || path.endsWith('/')) throw invalid(path, 'it names no file')
  if (names.length > DEPTH_MAX) throw invalid(path, `it has more than ${DEPTH_MAX} levels`)
  const long = names.find((name) => Buffer.byteLength(name) > NAME_MAX_BYTES)
  if (long !== undefined) throw invalid(path, `a name has more than ${NAME_MAX_BYTES} bytes`)
  return names
}

/** Opens the folder of the tenant, then those of `names`, each made if `make` is set. The caller closes the handle. */
export async function openFolder(
  root: string,
  tenant: string,
  names: readonly string[],
  make: boolean,
): Promise<OpenFolder> {
  if (make) await mkdir(join(root, tenant), { recursive: true, mode: 0o700 })
  // links above the tenant's own folder are the operator's
  let folder = await opened(join(await realpath(root), tenant))
  for (const name of names) {
    const next = await below(folder, name, make).finally(() => folder.handle.close())
    folder = next
  }
  return folder
}

async function below(folder: OpenFolder, name: string, make: boolean): Promise<OpenFolder> {
  try {
    return await opened(folder.at(name))
  } catch (error) {
    if (!make || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  await mkdir(folder.at(name), { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    // somebody else made it
    if (error.code !== 'EEXIST') throw error
  })
  return opened(folder.at(name))
}

async function opened(path: string): Promise<OpenFolder> {
  const handle = await open(path, FOLDER)
  const base = `/proc/self/fd/${handle.fd}`
  return { handle, at: (name) => `${base}/${name}` }
}

/** Whether the name is there, and a file rather than a link, folder, pipe or device. */
export async function kindOf(folder: OpenFolder, name: string): Promise<'file' | 'absent' | 'other'> {
  try {
    return (await lstat(folder.at(name))).isFile() ? 'file' : 'other'
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'absent'
    throw error
  }
}

function invalid(path: string, why: string): BlockError {
  return new BlockError(
    'INVALID_PATH',
    `the path '${path.slice(0, 200)}' cannot be used: ${why}; expected one within the tenant's folder`,
  )
}

/** What the error of an operation says, without the paths of this machine. */
export function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException
  switch (code) {
    case 'ENOENT':
      return 'there is no such file'
    case 'ELOOP':
    case 'ENOTDIR':
      return 'a part of the path is a link or no folder'
    case 'EISDIR':
      return 'it is a folder'
    case 'EACCES':
    case 'EPERM':
      return 'it is not permitted'
    case 'ENAMETOOLONG':
      return 'a name is too long'
    default:
      return typeof code === 'string' ? code : 'it failed'
  }
}
