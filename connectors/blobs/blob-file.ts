/** Reads a blob's file; its layout is above `local-folder.ts`. */
import type { FileHandle } from 'node:fs/promises'
import { BlobStoreError, type ByteRange } from '../../topology/blobs/port.ts'

const CHUNK_BYTES = 65_536
const HEADER_MAX_BYTES = 8_192

/** @throws {BlobStoreError} `BLOBS_UNAVAILABLE` for a file that is no blob */
export async function readHeader(
  handle: FileHandle,
): Promise<{ readonly type: string | null; readonly startsAt: number }> {
  const start = Buffer.alloc(4)
  const { bytesRead } = await handle.read(start, 0, 4, 0)
  const length = bytesRead === 4 ? start.readUInt32BE() : 0
  if (length === 0 || length > HEADER_MAX_BYTES) throw damaged()
  const json = Buffer.alloc(length)
  if ((await handle.read(json, 0, length, 4)).bytesRead < length) throw damaged()
  const { type } = JSON.parse(json.toString('utf8')) as { readonly type: string | null }
  return { type, startsAt: 4 + length }
}

/** Closes the file at the end, however it comes. */
export async function* readBlobFile(
  open: () => Promise<FileHandle>,
  range?: ByteRange,
  signal?: AbortSignal,
): AsyncIterable<Uint8Array> {
  const handle = await open()
  try {
    const { startsAt } = await readHeader(handle)
    let at = startsAt + (range?.from ?? 0)
    const end = range === undefined ? Number.POSITIVE_INFINITY : startsAt + range.to
    while (at < end) {
      signal?.throwIfAborted()
      // a new one each time: who reads may keep it
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - at))
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, at)
      if (bytesRead === 0) return
      at += bytesRead
      yield chunk.subarray(0, bytesRead)
    }
  } finally {
    await handle.close()
  }
}

function damaged(): BlobStoreError {
  return new BlobStoreError('BLOBS_UNAVAILABLE', 'a file in the folder of blobs is damaged: it has no header')
}
