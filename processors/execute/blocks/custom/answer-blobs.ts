/** Answers what a thread asks of the place for blobs. A blob goes over as a whole, so it is bounded. */
import { type BlobPort, type BlockContext, BlockError } from '../../block.ts'
import type { BlobAnswer, BlobQuestion } from './protocol.ts'

/** Of one blob. */
export const MAX_BLOB_BYTES = 64 << 20

export async function answerOf(
  { blobs, signal }: Pick<BlockContext, 'blobs' | 'signal'>,
  { ask, wanted }: BlobQuestion,
): Promise<BlobAnswer> {
  try {
    if (blobs === undefined) throw new BlockError('BLOBS_UNAVAILABLE', 'this executor has no place for blobs')
    if (wanted.kind === 'get') {
      return { kind: 'blob', ask, outcome: { kind: 'got', bytes: await whole(blobs, wanted.reference, signal) } }
    }
    checkSize(wanted.bytes.length)
    const reference = await blobs.put(once(wanted.bytes), { type: wanted.type }, signal)
    return { kind: 'blob', ask, outcome: { kind: 'put', reference } }
  } catch (error) {
    const code = error instanceof BlockError ? error.code : 'BLOBS_UNAVAILABLE'
    return { kind: 'blob', ask, outcome: { kind: 'failed', code, message: (error as Error).message } }
  }
}

/** @throws {BlockError} `BLOB_TOO_LARGE` and those of the port */
async function whole(blobs: BlobPort, reference: string, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of await blobs.get(reference, signal)) {
    size += part.length
    checkSize(size)
    parts.push(part)
  }
  // in memory of its own, which is handed over
  const bytes = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

function checkSize(bytes: number): void {
  if (bytes <= MAX_BLOB_BYTES) return
  throw new BlockError(
    'BLOB_TOO_LARGE',
    `the blob has more than ${MAX_BLOB_BYTES} bytes, the most a custom block is given`,
  )
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
