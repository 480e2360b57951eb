/** Takes a content of unknown length into a file, since its address is known only at its end. */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { blobTooLarge } from '../../topology/blobs/port.ts'

export interface Spooled {
  readonly hash: string
  readonly sizeBytes: number
}

export interface SpoolOptions {
  readonly maxBytes: number
  readonly signal?: AbortSignal
  /** Written first, not part of the content. */
  readonly header?: Uint8Array
}

/** The file is on the disk when it resolves; whoever calls removes it after a failure. @throws {BlobStoreError} `BLOB_TOO_LARGE`; what reading or writing throws */
export async function spool(file: string, bytes: AsyncIterable<Uint8Array>, options: SpoolOptions): Promise<Spooled> {
  const handle = await open(file, 'wx', 0o600)
  try {
    if (options.header !== undefined) await writeAll(handle, options.header)
    const hash = createHash('sha256')
    let sizeBytes = 0
    for await (const chunk of bytes) {
      options.signal?.throwIfAborted()
      sizeBytes += chunk.length
      if (sizeBytes > options.maxBytes) throw blobTooLarge(options.maxBytes)
      hash.update(chunk)
      await writeAll(handle, chunk)
    }
    options.signal?.throwIfAborted()
    await handle.sync()
    return { hash: hash.digest('hex'), sizeBytes }
  } finally {
    await handle.close()
  }
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; ) at += (await handle.write(chunk, at)).bytesWritten
}
