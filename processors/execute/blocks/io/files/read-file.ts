/** Reads one file of a tenant. */
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { BlockError } from '../../../block.ts'
import { openFolder, pathNames } from './root.ts'

export interface ReadFile {
  readonly content: Buffer
  readonly modifiedMs: number
}

// a pipe that nobody writes to must not hold us up
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
const CHUNK_BYTES = 65_536

/** @throws {BlockError} `INVALID_PATH`, `FILE_TOO_LARGE`, `FILE_READ_ERROR` for what is no file; errors of the file system */
export async function readTenantFile(
  root: string,
  tenant: string,
  path: string,
  limitBytes: number,
  signal: AbortSignal,
): Promise<ReadFile> {
  const names = pathNames(path)
  signal.throwIfAborted()
  const folder = await openFolder(root, tenant, names.slice(0, -1), false)
  try {
    const file = await open(folder.at(names.at(-1)!), FLAGS)
    try {
      const stat = await file.stat()
      if (!stat.isFile()) throw new BlockError('FILE_READ_ERROR', 'the file cannot be read: it is no plain file')
      if (stat.size > limitBytes) throw tooLarge(limitBytes)
      return { content: await contentOf(file, stat.size, limitBytes, signal), modifiedMs: stat.mtimeMs }
    } finally {
      await file.close()
    }
  } finally {
    await folder.handle.close()
  }
}

/** The file may grow while it is read, up to the limit. */
async function contentOf(
  file: Awaited<ReturnType<typeof open>>,
  size: number,
  limitBytes: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const chunks: Buffer[] = []
  for (let total = 0; ; ) {
    signal.throwIfAborted()
    const room = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(1, size + 1 - total)))
    const { bytesRead } = await file.read(room, 0, room.length, null)
    if (bytesRead === 0) return Buffer.concat(chunks, total)
    total += bytesRead
    if (total > limitBytes) throw tooLarge(limitBytes)
    chunks.push(room.subarray(0, bytesRead))
  }
}

export function tooLarge(limitBytes: number): BlockError {
  return new BlockError('FILE_TOO_LARGE', `the file has more than ${limitBytes} bytes, the limit`)
}

/** A name for the file while it is written, the same for every execution of the attempt. */
export function temporaryName(key: string): string {
  return `.beamline-${createHash('sha256').update(key).digest('hex').slice(0, 32)}`
}
