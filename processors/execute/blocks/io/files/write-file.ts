/** Writes one file of a tenant, at once or not at all. */
import { constants } from 'node:fs'
import { link, open, rename, unlink } from 'node:fs/promises'
import { BlockError } from '../../../block.ts'
import { temporaryName, tooLarge } from './read-file.ts'
import { kindOf, type OpenFolder, openFolder, pathNames } from './root.ts'

export interface WriteRequest {
  readonly path: string
  readonly content: Uint8Array
  /** Whether a file of that name may be replaced. */
  readonly overwrite: boolean
  /** Of the attempt. */
  readonly key: string
}

export class FolderError extends Error {}

const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

/** @throws {BlockError} `INVALID_PATH`, `FILE_TOO_LARGE`, `FILE_EXISTS`, `FILE_WRITE_ERROR`; {@link FolderError} when a folder cannot be made or opened */
export async function writeTenantFile(
  root: string,
  tenant: string,
  request: WriteRequest,
  limitBytes: number,
  signal: AbortSignal,
): Promise<void> {
  const names = pathNames(request.path)
  if (request.content.length > limitBytes) throw tooLarge(limitBytes)
  signal.throwIfAborted()
  const folder = await openFolder(root, tenant, names.slice(0, -1), true).catch((cause: unknown) => {
    throw new FolderError('a folder of the path cannot be made or opened', { cause })
  })
  try {
    await replace(folder, names.at(-1)!, request, signal)
  } finally {
    await folder.handle.close()
  }
}

async function replace(folder: OpenFolder, name: string, request: WriteRequest, signal: AbortSignal): Promise<void> {
  if ((await kindOf(folder, name)) === 'other') {
    throw new BlockError('FILE_WRITE_ERROR', 'the file cannot be written: something that is no plain file has its name')
  }
  const temporary = temporaryName(`${request.key}/${name}`)
  // what an execution that crashed has left
  await unlink(folder.at(temporary)).catch(() => undefined)
  const file = await open(folder.at(temporary), FLAGS, 0o600)
  try {
    await file.writeFile(request.content, { signal }).finally(() => file.close())
    signal.throwIfAborted()
    if (request.overwrite) await rename(folder.at(temporary), folder.at(name))
    else await link(folder.at(temporary), folder.at(name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new BlockError('FILE_EXISTS', 'the file is there already, and the step does not overwrite')
  } finally {
    if (!request.overwrite) await unlink(folder.at(temporary)).catch(() => undefined)
  }
}
